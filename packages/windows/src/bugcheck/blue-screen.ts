// The blue screen's text: stop code, parameters, and the classic progress lines of the crash dump
// (Microsoft, "Bug check code reference" for names; the progress lines as shown by Windows 7 and 8 in the field).

import type { Bugcheck } from '@dumpstack/nt'
import { bugcheckName } from '@dumpstack/nt'

export class BlueScreen {
  readonly #bugcheck: string[]
  readonly #dump: string[] = []
  #percent = -1

  constructor(shown: Bugcheck) {
    this.#bugcheck = stopLines(shown)
  }

  get lines(): readonly string[] {
    const progress =
      this.#percent < 0 ? [] : [`Dumping physical memory to disk: ${String(this.#percent).padStart(2)}`]
    return [...this.#bugcheck, ...this.#dump, ...progress]
  }

  collecting(): void {
    this.#dump.push('Collecting data for crash dump ...')
  }

  initializingDisk(): void {
    this.#dump.push('Initializing disk for crash dump ...')
  }

  beginning(): void {
    this.#dump.push('Beginning dump of physical memory.')
    this.#percent = 0
  }

  /** Whole per cent, never going back. */
  progress(percent: number): void {
    // unverified: Windows closes with a line of its own; its wording was not confirmed, so none is made up.
    this.#percent = Math.max(this.#percent, Math.min(100, Math.floor(percent)))
  }

  /** A second bugcheck replaces what is shown; no second dump is written. */
  replace(shown: Bugcheck): void {
    this.#bugcheck.splice(0, this.#bugcheck.length, ...stopLines(shown))
  }
}

function stopLines({ code, parameters }: Bugcheck): string[] {
  const digits = (value: number | bigint, width: number) =>
    `0x${value.toString(16).toUpperCase().padStart(width, '0')}`
  const number = digits(code, 8)
  return [
    'Your device ran into a problem and needs to restart.',
    `Stop code: ${bugcheckName(code) ?? number}`,
    `*** STOP: ${number} (${parameters.map((value) => digits(value, 16)).join(', ')})`,
  ]
}

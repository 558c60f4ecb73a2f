// The blue screen's text: stop code, parameters, and the classic progress lines of the crash dump
// (Microsoft, "Bug check code reference" for names; the progress lines as shown by Windows 7 and 8 in the field).
import { hex } from '@dumpstack/bytes'
import type { Bugcheck } from '../boot/contract.ts'

/** Stop codes that a walk can show; others print without a name. */
const STOP_CODES: Readonly<Record<number, string>> = {
  10: 'IRQL_NOT_LESS_OR_EQUAL',
  80: 'PAGE_FAULT_IN_NONPAGED_AREA',
  126: 'SYSTEM_THREAD_EXCEPTION_NOT_HANDLED',
  209: 'DRIVER_IRQL_NOT_LESS_OR_EQUAL',
  226: 'MANUALLY_INITIATED_CRASH',
}

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

  /** Whole per cent, never going back; 100 also closes the dump. */
  progress(percent: number): void {
    this.#percent = Math.max(this.#percent, Math.min(100, Math.floor(percent)))
    // unverified: Windows prints a closing line too; its exact wording was not confirmed, so none is invented.
  }

  /** A second bugcheck replaces what is shown; no second dump is written. */
  replace(shown: Bugcheck): void {
    this.#bugcheck.splice(0, this.#bugcheck.length, ...stopLines(shown))
  }
}

function stopLines(shown: Bugcheck): string[] {
  const name = STOP_CODES[shown.code]
  const parameters = shown.parameters.map(
    (value) => `0x${value.toString(16).toUpperCase().padStart(16, '0')}`,
  )
  return [
    'Your device ran into a problem and needs to restart.',
    `Stop code: ${name ?? hex(shown.code)}`,
    `*** STOP: 0x${shown.code.toString(16).toUpperCase().padStart(8, '0')} (${parameters.join(', ')})`,
  ]
}

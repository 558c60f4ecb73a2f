// How log, JUnit and screen name the steps and dump types.
import type { DumpType } from '../target.ts'
import type { StepName } from '../test-event.ts'

const TITLES: Readonly<Record<StepName, string>> = {
  prerequisites: 'prerequisites',
  debuggers: 'install debuggers',
  crashDriver: 'install crash driver',
  pageFile: 'set page file',
  restart: 'restart',
  crashControl: 'crash control',
  crash: 'crash',
  awaitRestart: 'restart after crash',
  examine: 'examine',
  restore: 'restore settings',
}

export const stepTitle = (step: StepName): string => TITLES[step]
export const dumpTitle = (dump: DumpType | undefined): string => (dump === undefined ? '' : ` (${dump} dump)`)

export const resumedText = (discarded: number): string =>
  `Resumed at the last power off: ${discarded} events of the killed process are taken back.`

/** Text from a dump or a driver must not command a terminal: control characters become U+FFFD. */
export function printable(text: string): string {
  let out = ''
  for (const character of text) {
    const code = character.codePointAt(0)!
    out += code < 0x20 || (code >= 0x7f && code < 0xa0) ? '\ufffd' : character
  }
  return out
}

// How log, JUnit and screen name the steps and dump types.
import type { DumpType, SystemEvent } from '@dumpstack/target'
import type { StepName, TruthCount } from '../test-event.ts'

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

/** `131,063 of 131,072 pages equal, 9 changed by the dump path`. `isOutside`: the RAM was taken from outside. */
export const comparedText = (truth: TruthCount, isOutside = false): string =>
  `${grouped(truth.equal)} of ${grouped(truth.compared)} ${truth.unit} equal${othersOf(truth, isOutside)}`

/** Why compared pages are not all equal, and what could not be compared. */
function othersOf({ changedByDumpPath, different, missing, extra }: TruthCount, isOutside: boolean): string {
  const others: [number, string][] = [
    [different, 'different'],
    [changedByDumpPath, isOutside ? 'written by Windows meanwhile' : 'changed by the dump path'],
    [missing, 'missing'],
    [extra, isOutside ? 'not in the RAM' : 'not promised'],
  ]
  return others.map(([count, what]) => (count === 0 ? '' : `, ${grouped(count)} ${what}`)).join('')
}

export const grouped = (value: number): string => value.toString().replace(/\B(?=(\d{3})+$)/g, ',')

/** `Event 1001 BugCheck (Microsoft-Windows-WER-SystemErrorReporting): The computer has rebooted from a bugcheck.` */
export const eventText = ({ id, source, eventSourceName, text }: SystemEvent): string =>
  `Event ${id} ${eventSourceName === undefined ? source : `${eventSourceName} (${source})`}: ${text}`

export const resumedText = (discarded: number): string =>
  `Resumed at the last power off: ${discarded} events of the killed process are taken back.`

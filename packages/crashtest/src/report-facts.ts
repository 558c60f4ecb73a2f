// A crash report read back from our own JSON: truth.json, the state of a run, its journal.
import type { Facts } from './facts.ts'
import type { CrashReport, InFlightCommands, Violation, WrittenRange } from './target.ts'

export function crashReportOf(facts: Facts): CrashReport {
  const failure = facts.optionalString('failure')
  return {
    shown: facts.bugcheck('shown'),
    screen: facts.strings('screen'),
    finalStatus: facts.number('finalStatus'),
    bytesWritten: facts.number('bytesWritten'),
    ...(failure !== null && { failure }),
    seconds: facts.number('seconds'),
    crashedAt: facts.time('crashedAt'),
    inFlight: inFlightOf(facts.object('inFlight')),
    violations: facts.objects('violations').map((violation): Violation => {
      const offset = violation.optionalString('offset')
      return {
        rule: violation.string('rule'),
        call: violation.string('call'),
        message: violation.string('message'),
        driver: violation.string('driver'),
        address: violation.string('address'),
        ...(offset !== null && { offset }),
        irql: violation.string('irql'),
        atNs: violation.number('atNs'),
        repro: violation.string('repro'),
      }
    }),
  }
}

const inFlightOf = (facts: Facts): InFlightCommands => ({
  commands: facts.number('commands'),
  completed: facts.number('completed'),
  leaked: facts.numbers('leaked'),
})

export const writtenRangeOf = (range: Facts): WrittenRange => ({
  fileOffset: range.number('fileOffset'),
  byteLength: range.number('byteLength'),
  device: range.string('device'),
})

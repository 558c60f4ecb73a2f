// A crash report read back from our own JSON: truth.json, the state of a run, its journal.

import { isDumpModeRuleId } from '@dumpstack/nt'
import type { CrashReport, InFlightCommands, Violation, WrittenRange } from '@dumpstack/target'
import { type Facts, present } from '@dumpstack/target'

export const crashReportOf = (facts: Facts): CrashReport =>
  present<CrashReport>({
    shown: facts.bugcheck('shown'),
    screen: facts.strings('screen'),
    finalStatus: facts.number('finalStatus'),
    bytesWritten: facts.number('bytesWritten'),
    failure: facts.optionalString('failure') ?? undefined,
    notJudged: facts.optionalString('notJudged') ?? undefined,
    seconds: facts.number('seconds'),
    crashedAt: facts.time('crashedAt'),
    violations: facts.objects('violations').map(violationOf),
    inFlight: inFlightOf(facts.object('inFlight')),
  })

const violationOf = (facts: Facts): Violation =>
  present<Violation>({
    rule: ruleOf(facts),
    call: facts.string('call'),
    message: facts.string('message'),
    driver: facts.string('driver'),
    address: facts.string('address'),
    offset: facts.optionalString('offset') ?? undefined,
    irql: facts.string('irql'),
    atNs: facts.number('atNs'),
    arguments: facts.optionalStrings('arguments') ?? undefined,
    bytes: facts.optionalString('bytes') ?? undefined,
    stack: facts.optionalStrings('stack') ?? undefined,
    source: sourceOf(facts.optional('source')),
    repro: facts.optionalString('repro') ?? undefined,
  })

function ruleOf(facts: Facts): Violation['rule'] {
  const rule = facts.string('rule')
  if (!isDumpModeRuleId(rule)) throw facts.wrong('rule', rule, 'a rule of dump mode')
  return rule
}

const sourceOf = (facts: Facts | null): Violation['source'] =>
  facts === null ? undefined : { file: facts.string('file'), line: facts.number('line') }

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

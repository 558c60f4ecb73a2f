// A journal read back, as the events that it was written from: what a resumed run shows and counts of its first part.

import type { StackRow } from '@dumpstack/nt'
import { DUMP_TYPES, Facts, present, type TargetDescription, type TargetDriver } from '@dumpstack/target'
import { crashReportOf, writtenRangeOf } from '../report-facts.ts'
import {
  type CheckOutcome,
  type DumpExamination,
  type Finding,
  STEP_NAMES,
  type TestEvent,
  type TestEventBody,
  type TruthCount,
  VERDICTS,
} from '../test-event.ts'

const KINDS = [
  'run',
  'resumed',
  'begin',
  'end',
  'message',
  'finding',
  'crashed',
  'examined',
  'systemEvents',
] as const

/** The inverse of journalLine; `place` names the line. Throws TargetError RUN_FOLDER_CORRUPT. */
export function eventOfLine(line: string, place: string): TestEvent {
  const facts = Facts.parse(line, place)
  return { seq: facts.size('seq'), at: facts.time('at'), ...bodyOf(facts) }
}

function bodyOf(facts: Facts): TestEventBody {
  const kind = facts.oneOf('kind', KINDS)
  const dump = (): (typeof DUMP_TYPES)[number] => facts.oneOf('dump', DUMP_TYPES)
  const place = (): { dump?: (typeof DUMP_TYPES)[number] } =>
    facts.optionalString('dump') === null ? {} : { dump: dump() }
  switch (kind) {
    case 'run':
      return {
        kind,
        options: facts.record('options'),
        seed: facts.number('seed'),
        variant: facts.optionalString('variant'),
        target: descriptionOf(facts.object('target')),
      }
    case 'resumed':
      return { kind, discarded: facts.size('discarded') }
    case 'begin':
      return { kind, step: facts.oneOf('step', STEP_NAMES), ...place() }
    case 'end':
      return {
        kind,
        step: facts.oneOf('step', STEP_NAMES),
        ...place(),
        verdict: facts.oneOf('verdict', VERDICTS),
        seconds: facts.number('seconds'),
      }
    case 'message':
      return { kind, level: facts.oneOf('level', ['i', 'x']), text: facts.string('text') }
    case 'finding':
      return { kind, finding: findingOf(facts.object('finding')) }
    case 'crashed':
      return { kind, dump: dump(), report: crashReportOf(facts.object('report')) }
    case 'examined':
      return { kind, dump: dump(), examination: examinationOf(facts.object('examination')) }
    case 'systemEvents':
      return { kind, dump: dump(), events: facts.systemEvents('events') }
  }
}

function descriptionOf(facts: Facts): TargetDescription {
  const driver = facts.optional('driver')
  return present<TargetDescription>({
    profile: facts.string('profile'),
    controller: facts.string('controller'),
    driver: driver === null ? undefined : driverOf(driver),
    seed: facts.number('seed'),
    cpuCount: facts.number('cpuCount'),
    ramBytes: facts.size('ramBytes'),
    pageFileBytes: facts.size('pageFileBytes'),
    freeBytesOnC: facts.size('freeBytesOnC'),
    stack: facts.objects('stack').map((row) =>
      present<StackRow>({
        nameOnDisk: row.string('nameOnDisk'),
        baseName: row.string('baseName'),
        base: row.bigint('base'),
        size: row.size('size'),
        purpose: row.string('purpose'),
        state: row.oneOf('state', ['loaded', 'unloaded'] as const),
      }),
    ),
  })
}

function driverOf(facts: Facts): TargetDriver {
  const pdb = facts.optional('pdb')
  return present<TargetDriver>({
    fileName: facts.string('fileName'),
    sha256: facts.string('sha256'),
    byteLength: facts.size('byteLength'),
    executed: true,
    pdb: pdb && { name: pdb.string('name'), identity: pdb.string('identity'), found: pdb.boolean('found') },
  })
}

const findingOf = (facts: Facts): Finding =>
  present<Finding>({
    check: facts.string('check'),
    verdict: facts.oneOf('verdict', VERDICTS),
    message: facts.string('message'),
    pfn: facts.optionalNumber('pfn') ?? undefined,
    fileOffset: facts.optionalNumber('fileOffset') ?? undefined,
    found: facts.optionalString('found') ?? undefined,
    expected: facts.optionalString('expected') ?? undefined,
  })

function examinationOf(facts: Facts): DumpExamination {
  const truth = facts.optional('truth')
  return present<DumpExamination>({
    type: facts.oneOf('type', DUMP_TYPES),
    verdict: facts.oneOf('verdict', VERDICTS),
    file: facts.optionalString('file'),
    byteLength: facts.size('byteLength'),
    dumpType: facts.optionalNumber('dumpType'),
    bugcheck: facts.optional('bugcheck') && facts.bugcheck('bugcheck'),
    pagesInDump: facts.size('pagesInDump'),
    truth: truth && truthOf(truth),
    writtenBy: facts.objects('writtenBy').map(writtenRangeOf),
    seconds: facts.number('seconds'),
    bytesPerSecond: facts.number('bytesPerSecond'),
    checks: facts.objects('checks').map((check) =>
      present<CheckOutcome>({
        id: check.string('id'),
        verdict: check.oneOf('verdict', VERDICTS),
        message: check.string('message'),
        causedBy: check.optionalString('causedBy') ?? undefined,
      }),
    ),
  })
}

const truthOf = (facts: Facts): TruthCount =>
  present<TruthCount>({
    unit: facts.oneOf('unit', ['pages', 'blocks'] as const),
    compared: facts.size('compared'),
    equal: facts.size('equal'),
    changedByDumpPath: facts.size('changedByDumpPath'),
    different: facts.size('different'),
    missing: facts.size('missing'),
    extra: facts.size('extra'),
  })

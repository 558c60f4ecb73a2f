// The facts of a report: what a run folder keeps, put in the order in which a person asks for it.
import {
  type CheckOutcome,
  compareBlocks,
  type DumpExamination,
  type Finding,
  type ReportedCrash,
  resumedText,
  stepTitle,
  type TestEvent,
  type Verdict,
} from '@dumpstack/crashtest'
import { type Dump, DumpError, openDump } from '@dumpstack/dumpfile'
import { openRecordedRun, type RecordedRun } from '@dumpstack/run/node'
import type { DumpType, PromisedBlock, SystemEvent, TargetDescription } from '@dumpstack/target'
import { type MemoryMap, memoryMap } from './memory-map.ts'
import { type WriteFacts, writeFacts } from './write-facts.ts'

export interface RunFacts {
  /** Null where the run has not come to its end. */
  readonly verdict: Verdict | null
  readonly productVersion: string
  readonly runId: string
  readonly systems: readonly SystemFacts[]
  readonly dumps: readonly DumpFacts[]
  readonly steps: readonly StepFacts[]
  readonly messages: readonly MessageFacts[]
}

/** A scenario that runs more than once has a system for each of its variants. */
export interface SystemFacts {
  readonly variant: string | null
  readonly seed: number
  readonly target: TargetDescription
}

export interface StepFacts {
  readonly variant: string | null
  readonly title: string
  readonly dump: DumpType | null
  /** On the clock of the system under test. */
  readonly beganAt: number
  /** Null where the run was stopped in the step. */
  readonly end: { readonly at: number; readonly verdict: Verdict; readonly hostSeconds: number } | null
}

export interface MessageFacts {
  readonly at: number
  readonly level: 'i' | 'x'
  readonly text: string
}

export interface BlockFacts {
  readonly block: PromisedBlock
  readonly isPresent: boolean
}

/** What memory the dump should hold, and holds: pages, blocks of a mini dump, or why that is not known. */
export type MemoryFacts =
  | { readonly kind: 'pages'; readonly map: MemoryMap }
  | { readonly kind: 'blocks'; readonly blocks: readonly BlockFacts[] }
  | { readonly kind: 'unknown'; readonly why: string }

export interface DumpFacts {
  readonly variant: string | null
  readonly type: DumpType
  /** Null where the run did not come to the end of the crash. */
  readonly crash: ReportedCrash | null
  /** Null where the run did not come to examine the dump. */
  readonly examination: DumpExamination | null
  readonly findings: readonly Finding[]
  readonly events: readonly SystemEvent[]
  readonly memory: MemoryFacts
  readonly writes: WriteFacts | null
}

/** `full dump, variant no-header` */
export const nameOf = ({ type, variant }: DumpFacts): string => `${type} dump${variantText(variant)}`

export const variantText = (variant: string | null): string =>
  variant === null ? '' : `, variant ${variant}`

export const failedChecks = ({ examination }: DumpFacts): readonly CheckOutcome[] =>
  examination?.checks.filter(({ verdict }) => verdict !== 'pass') ?? []

/** Throws as openRecordedRun does. */
export function readRunFacts(folder: string): RunFacts {
  const run = openRecordedRun(folder)
  const told = new Story(run.events)
  return {
    verdict: run.result?.verdict ?? null,
    ...told.origin,
    systems: told.systems,
    dumps: run.dumps.map(({ variant, type }) => dumpFacts(run, variant, type, told)),
    steps: told.steps,
    messages: told.messages,
  }
}

function dumpFacts(run: RecordedRun, variant: string | null, type: DumpType, told: Story): DumpFacts {
  const { crash, examination, findings, events } = told.dump(variant, type)
  const writes = run.writes(variant, type)
  return {
    variant,
    type,
    crash,
    examination,
    findings,
    events,
    memory: memoryFacts(run, variant, type, findings),
    writes: writes === null ? null : writeFacts(writes),
  }
}

function memoryFacts(
  run: RecordedRun,
  variant: string | null,
  type: DumpType,
  findings: readonly Finding[],
): MemoryFacts {
  const finished = run.restore(variant, type)
  if (finished === null) return { kind: 'unknown', why: 'The run ended before this dump was examined.' }
  try {
    const { evidence } = finished.kept
    let dump: Dump | null = null
    if (finished.dump !== null) dump = openDump(finished.dump)
    if (evidence.promisedBlocks.length === 0) {
      const different = findings.flatMap(({ check, pfn }) =>
        check === 'truth' && pfn !== undefined ? [pfn] : [],
      )
      return { kind: 'pages', map: memoryMap(evidence, dump, different) }
    }
    const missing = new Set(
      finished.dump === null || dump === null
        ? evidence.promisedBlocks
        : compareBlocks(finished.dump, dump, evidence).missing,
    )
    const blocks = evidence.promisedBlocks.map((block) => ({ block, isPresent: !missing.has(block) }))
    return { kind: 'blocks', blocks }
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    return { kind: 'unknown', why: `The dump file cannot be read: ${error.message}.` }
  } finally {
    finished.close()
  }
}

interface ToldDump {
  crash: ReportedCrash | null
  examination: DumpExamination | null
  readonly findings: Finding[]
  events: readonly SystemEvent[]
}

/** The events of the journal, each put where it belongs. */
class Story {
  origin = { productVersion: '', runId: '' }
  readonly systems: SystemFacts[] = []
  readonly steps: StepFacts[] = []
  readonly messages: MessageFacts[] = []
  readonly #dumps = new Map<string, ToldDump>()
  #variant: string | null = null
  #open: StepFacts | null = null

  constructor(events: readonly TestEvent[]) {
    for (const event of events) this.#take(event)
    if (this.#open !== null) this.steps.push(this.#open)
  }

  dump(variant: string | null, type: DumpType): ToldDump {
    const key = `${variant ?? ''}/${type}`
    const told = this.#dumps.get(key) ?? { crash: null, examination: null, findings: [], events: [] }
    this.#dumps.set(key, told)
    return told
  }

  #take(event: TestEvent): void {
    switch (event.kind) {
      case 'run': {
        const { variant, seed, target, productVersion, runId } = event
        this.#variant = variant
        this.origin = { productVersion, runId }
        this.systems.push({ variant, seed, target })
        break
      }
      case 'begin': {
        const { step, dump = null, at } = event
        if (this.#open !== null) this.steps.push(this.#open)
        this.#open = { variant: this.#variant, title: stepTitle(step), dump, beganAt: at, end: null }
        break
      }
      case 'end': {
        const { at, verdict, seconds } = event
        if (this.#open !== null)
          this.steps.push({ ...this.#open, end: { at, verdict, hostSeconds: seconds } })
        this.#open = null
        break
      }
      case 'message':
        this.messages.push({ at: event.at, level: event.level, text: event.text })
        break
      case 'finding': {
        const type = this.#open?.dump ?? null
        if (type !== null) this.dump(this.#variant, type).findings.push(event.finding)
        break
      }
      case 'crashed':
        this.dump(this.#variant, event.dump).crash = event.report
        break
      case 'examined':
        this.dump(this.#variant, event.dump).examination = event.examination
        break
      case 'systemEvents':
        this.dump(this.#variant, event.dump).events = event.events
        break
      case 'resumed':
        this.messages.push({ at: event.at, level: 'i', text: resumedText(event.discarded) })
        break
      case 'progress':
        break
    }
  }
}

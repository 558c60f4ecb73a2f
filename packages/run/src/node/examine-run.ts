// The dumps of a finished run are examined again, against the truth that it kept. Nothing is written to its folder.
import {
  complaint,
  connectingTo,
  debugDump,
  type Emit,
  examineDump,
  explainMissingDump,
  fail,
  info,
  type Say,
  type TestOptions,
  type Verdict,
  worst,
} from '@dumpstack/crashtest'
import { type FinishedDump, openFinishedRun } from './finished-run.ts'

export interface ExamineOptions extends Pick<TestOptions, 'symbols'> {
  readonly emit: Emit
  /** What follows belongs to this variant of the scenario that the run went through. */
  startVariant(variant: string | null): void
  /** A path of this host, for the screen. */
  shownPath(file: string): string
  readonly signal: AbortSignal
}

/** Throws RunError as openFinishedRun does. */
export async function examineRun(folder: string, options: ExamineOptions): Promise<Verdict> {
  const { emit, startVariant } = options
  const verdicts: Verdict[] = []
  const run = openFinishedRun(folder)
  for (const finished of run.dumps()) {
    startVariant(finished.variant)
    try {
      verdicts.push(await examineAgain(finished, options))
    } finally {
      finished.close()
    }
  }
  for (const { type, variant } of run.unexamined) {
    const which = `${type} dump${variant === null ? '' : ` (${variant})`}`
    const text = `The run ended before the ${which} was examined: it cannot be judged.`
    emit({ kind: 'message', ...complaint(text) }, 0)
    verdicts.push('inconclusive')
  }
  return worst(verdicts)
}

async function examineAgain(
  finished: FinishedDump,
  { symbols, emit, shownPath, signal }: ExamineOptions,
): Promise<Verdict> {
  const { kept, dump: source, variant } = finished
  const file = source === null ? null : source.path
  const at = Math.max(kept.modifiedAt, kept.crash.crashedAt)
  const dump = kept.type
  const begunAt = performance.now()
  emit({ kind: 'begin', step: 'examine', dump }, at)
  if (variant !== null) emit({ kind: 'message', ...info(`Variant: ${variant}`) }, at)
  const say: Say = (message) => emit({ kind: 'message', ...message }, at)
  if (file !== null) say(connectingTo(shownPath(file)))
  const debugged =
    source === null || file === null
      ? []
      : await debugDump({ source, path: file, evidence: kept.evidence, symbols }, say, signal)
  const work = examineDump({
    type: dump,
    opened: source === null ? null : { source, modifiedAt: kept.modifiedAt },
    whyNone:
      kept.file === null
        ? explainMissingDump(kept.evidence)
        : fail('the run kept a dump file, and it is gone'),
    crash: kept.crash,
    evidence: kept.evidence,
    kept: kept.file,
    debugged,
    crashIsSaid: false,
  })
  let step = work.next()
  let shown = -1
  while (!step.done) {
    if (step.value !== shown) {
      shown = step.value
      emit({ kind: 'progress', percent: shown }, at)
      await new Promise<void>((resolve) => setImmediate(resolve))
      signal.throwIfAborted()
    }
    step = work.next()
  }
  const result = step.value
  emit({ kind: 'crashed', dump, report: kept.crash }, at)
  emit({ kind: 'systemEvents', dump, events: kept.evidence.events }, at)
  for (const finding of result.findings) emit({ kind: 'finding', finding }, at)
  for (const message of result.messages) say(message)
  emit({ kind: 'examined', dump, examination: { ...result.examination, file } }, at)
  const seconds = (performance.now() - begunAt) / 1000
  emit({ kind: 'end', step: 'examine', dump, verdict: result.examination.verdict, seconds }, at)
  return result.examination.verdict
}

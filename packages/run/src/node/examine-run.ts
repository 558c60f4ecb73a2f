// The dumps of a finished run are examined again, against the truth that it kept. Nothing is written to its folder.
import {
  complaint,
  connectingTo,
  type Emit,
  examineStep,
  explainMissingDump,
  fail,
  info,
  Steps,
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
  { kept, dump: source, variant }: FinishedDump,
  { symbols, emit, shownPath, signal }: ExamineOptions,
): Promise<Verdict> {
  const at = Math.max(kept.modifiedAt, kept.crash.crashedAt)
  const { type, crash, evidence, modifiedAt } = kept
  const steps = new Steps({ emit, now: () => at, hostNow: () => performance.now(), signal })
  return await steps.step('examine', type, async () => {
    if (variant !== null) steps.say(info(`Variant: ${variant}`))
    if (source !== null) steps.say(connectingTo(shownPath(source.path)))
    steps.send({ kind: 'crashed', dump: type, report: crash })
    return await examineStep(steps, {
      type,
      opened: source && { source, path: source.path, modifiedAt },
      whyNone:
        kept.file === null ? explainMissingDump(evidence) : fail('the run kept a dump file, and it is gone'),
      known: { crash, evidence, kept: kept.file, crashIsSaid: false },
      symbols,
      fileOf: () => source?.path ?? null,
    })
  })
}

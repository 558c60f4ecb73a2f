// The whole test on one system, in this process: setup, each dump, its examination, and all that it said.
import { type RunEnd, runCrashdumpTest, type TestEventBody } from '@dumpstack/crashtest'
import type { DumpType } from '@dumpstack/target'
import { guestSymbols } from './guest-symbols.ts'
import type { Walk } from './walk.ts'

export interface TestedSystem {
  readonly verdict: RunEnd
  readonly events: readonly TestEventBody[]
}

/** The machine is closed afterwards; its folder stays. */
export async function testSystem({ target }: Walk, dumps: readonly DumpType[]): Promise<TestedSystem> {
  const events: TestEventBody[] = []
  const verdict = await runCrashdumpTest(
    target,
    {
      dumps,
      stopAfter: null,
      variant: null,
      given: {},
      runId: '0'.repeat(32),
      productVersion: '1.2.3',
      debugCommand: (dump) => `kd -z ${dump}`,
      repro: 'dumpstack test',
      hostNow: () => performance.now(),
      symbols: guestSymbols,
      resumeAt: null,
      poweredOff: () => true,
      keep: () => {},
      isStoppedBy: () => false,
    },
    (event) => events.push(event),
    new AbortController().signal,
  )
  target.close()
  return { verdict, events }
}

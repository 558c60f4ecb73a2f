import { expect, it } from 'vitest'
import { NO_SYMBOLS } from './fake-symbols.test-support.ts'
import { FakeTarget, type FakeTargetOptions } from './fake-target.test-support.ts'
import { logLines } from './folds/log.ts'
import { ResultFold } from './folds/result.ts'
import { type RunEnd, runCrashdumpTest, type TestOptions } from './run.ts'
import { expectedLines, scenarios } from './scenarios/index.ts'
import { createStream } from './stream.ts'
import type { TestEvent } from './test-event.ts'
import type { DumpToKeep } from './truth-file.ts'

interface Outcome {
  readonly verdict: RunEnd | Error
  readonly log: string
  readonly events: readonly TestEvent[]
  readonly kept: readonly DumpToKeep[]
  readonly target: FakeTarget
}

async function run(
  options: FakeTargetOptions,
  change: Partial<TestOptions> = {},
  signal = new AbortController().signal,
): Promise<Outcome> {
  const target = new FakeTarget(options)
  const events: TestEvent[] = []
  const kept: DumpToKeep[] = []
  const emit = createStream([(event) => events.push(event)])
  const verdict = await runCrashdumpTest(
    target,
    {
      dumps: ['full'],
      stopAfter: null,
      variant: null,
      given: {},
      debugCommand: (dump) => `kd -z ${dump}`,
      repro: 'dumpstack test --seed 7',
      runId: '0',
      productVersion: '1.2.3',
      hostNow: () => 0,
      symbols: NO_SYMBOLS,
      resumeAt: null,
      poweredOff: () => true,
      keep: (dump) => kept.push(dump),
      isStoppedBy: () => false,
      ...change,
    },
    emit,
    signal,
  ).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
  return { verdict, log: events.map(logLines).join(''), events, kept, target }
}

it('refuses a page file that is too small before anything is touched', async () => {
  const { verdict, log, target } = await run({ description: { pageFileBytes: 100 } })
  expect(verdict).toBe('fail')
  expect(target.calls).toEqual([])
  expect(log).toContain('(x) Paging file size is too small for full dump purposes.\n')
})

// covers: KIT-55, KIT-86
it('goes through the steps of the kit in order, once for each dump type', async () => {
  const { target } = await run({ dumpBytes: () => new Uint8Array(100) }, { dumps: ['full', 'kernel'] })
  expect(target.calls).toEqual([
    'prepare debuggers',
    'prepare crashDriver',
    'prepare pageFile',
    'powerOff',
    'prepare restart',
    ...['full', 'kernel'].flatMap((dump) => [
      `configure ${dump}`,
      'crash',
      'powerOff',
      'awaitRestart',
      'openDump',
      `keepDump ${dump}`,
    ]),
    'restore',
  ])
})

// covers: KIT-35
it('fails a file that is no dump, and keeps it', async () => {
  const { verdict, kept, log } = await run({ dumpBytes: () => new Uint8Array(100) })
  expect(verdict).toBe('fail')
  expect(kept).toHaveLength(1)
  expect(log).toContain('full dump: fail')
})

// covers: KIT-69
it('says that the dump was never written, from what the system left behind', async () => {
  const { verdict, log } = await run({ conditions: { dumpNeverWritten: true } })
  expect(verdict).toBe('fail')
  expect(log).toContain('(i) Dump file cannot be opened. HRESULT: 0x80070002\n')
  expect(log).toContain(
    '(i) No dump file (HRESULT 0x80070002): the dump was never written: no valid dump header in the page file at the restart, ' +
      'no CrashControl\\MachineCrash; event log: 161, 41, no 1001 of source BugCheck.\n',
  )
  expect(log).toContain('(x) The dump ended early after 2637824 bytes: status 0xc0000001, expected 0x0.\n')
})

// covers: KIT-65, KIT-66, KIT-67, KIT-68
it("retries after five minutes of the system's own time while the dump is in use", async () => {
  const { log, target } = await run({
    conditions: { copyLockedMs: 9 * 60_000 },
    dumpBytes: () => new Uint8Array(100),
  })
  expect(target.calls.filter((call) => call.startsWith('sleep'))).toEqual(['sleep 300000', 'sleep 300000'])
  expect(log.match(/.*(DumpFile|being used|Usually).*/g)).toEqual([
    '2024-01-01 00:00:24.300 (i) Connecting to DumpFile: C:\\Windows\\MEMORY.DMP',
    '2024-01-01 00:00:24.300 (i) Dump file is being used by another process. HRESULT: 0x80070020',
    '2024-01-01 00:00:24.300 (i) Usually memory.dmp is still being written due to large RAM, retry after 5 minutes.',
    '2024-01-01 00:05:24.300 (i) Connecting to DumpFile: C:\\Windows\\MEMORY.DMP',
    '2024-01-01 00:05:24.300 (i) Dump file is being used by another process. HRESULT: 0x80070020',
    '2024-01-01 00:05:24.300 (i) Usually memory.dmp is still being written due to large RAM, retry after 5 minutes.',
    '2024-01-01 00:10:24.300 (i) Connecting to DumpFile: C:\\Windows\\MEMORY.DMP',
  ])
})

it('gives up on a dump that stays in use at the time limit of the kit', async () => {
  const { verdict, target } = await run({
    conditions: { copyLockedMs: 1e12 },
    dumpBytes: () => new Uint8Array(100),
  })
  expect(verdict).toBe('fail')
  expect(target.calls.filter((call) => call.startsWith('sleep'))).toHaveLength(540)
})

// covers: KIT-58
it('names driver and offset after a second bugcheck', async () => {
  const { verdict, log } = await run({ conditions: { miniportFault: 'beforeHeader' } })
  expect(verdict).toBe('fail')
  expect(log).toContain(
    '(x) The screen shows bugcheck 0xd1 (0x0, 0xff, 0x0, 0x0), expected 0xe2: a second bugcheck while the dump was ' +
      'written, which ended it after 0 bytes with status 0xc0000001, by dump_storahci.sys at offset 0x1234 (address ' +
      '0xfffff80412345678, HwStartIo): page fault at 0xff.\n',
  )
})

it('stops after the crash where asked, leaves the system as it is and judges nothing', async () => {
  const { verdict, target, log } = await run({}, { dumps: ['full', 'kernel'], stopAfter: 'crash' })
  expect(verdict).toBe('inconclusive')
  expect(target.calls.slice(-2)).toEqual(['crash', 'keepDisk'])
  expect(log).toContain('Stopped after the crash of the full dump, as asked: nothing was judged.')
})

it('says how far it got when it is stopped, restores the settings and rejects with the reason', async () => {
  const controller = new AbortController()
  const reason = new Error('stop')
  const target = {
    onCall: (call: string) => {
      if (call === 'crash') controller.abort(reason)
    },
  }
  const outcome = await run(target, {}, controller.signal)
  expect(outcome.verdict).toBe(reason)
  expect(outcome.log).toContain("(x) Stopped by the user during 'crash (full dump)', at 0 %.\n")
  expect(outcome.target.calls.at(-1)).toBe('restore')
  const fold = new ResultFold()
  for (const event of outcome.events) fold.sink(event)
  expect(fold.result('pass').verdict).toBe('inconclusive')
})

it('restores the settings after a failure of the machine, and passes the failure on', async () => {
  const failure = new Error('the machine burned down')
  const outcome = await run({
    onCall: (call) => {
      if (call === 'awaitRestart') throw failure
    },
  })
  expect(outcome.verdict).toBe(failure)
  expect(outcome.target.calls.at(-1)).toBe('restore')
  expect(outcome.log).toContain(
    "(x) The test broke off during 'restart after crash (full dump)': the machine burned down",
  )
})

/** They need a dump that opens. */
const WITH_A_DUMP = [
  'other-controller',
  'dump-dropped',
  'dump-kept',
  'stale-dump',
  'dump-in-use',
  'no-symbols',
  'partial-symbols',
  'wrong-symbols',
  'truncated-dump',
]

it.each(scenarios.filter(({ name }) => !WITH_A_DUMP.includes(name)))(
  'says what scenario $name promises and ends as it says',
  async (scenario) => {
    const verdicts: (RunEnd | Error)[] = []
    let log = ''
    const ramBytes = 640 * 4096
    for (const { conditions } of scenario.variants) {
      const pageFileBytes = scenario.pageFileBytes?.(ramBytes) ?? 2 * ramBytes
      const outcome = await run({ conditions, description: { ramBytes, pageFileBytes } })
      verdicts.push(outcome.verdict)
      log += outcome.log
    }
    expect(new Set(verdicts)).toEqual(new Set([scenario.expected]))
    for (const line of expectedLines(scenario, ramBytes)) expect(log).toContain(line)
  },
)

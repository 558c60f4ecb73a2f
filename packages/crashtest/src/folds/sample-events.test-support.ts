// A stream for the tests of the folds: a good full dump and a bad kernel dump, with text that needs escaping.
import type { DumpType, TargetDescription } from '@dumpstack/target'
import { createStream } from '../stream.ts'
import type { DumpExamination, StepName, TestEvent, TestEventBody, Verdict } from '../test-event.ts'

const START = Date.UTC(2024, 0, 1)

const target: TargetDescription = {
  profile: 'win10-19041',
  controller: 'ahci0',
  seed: 7,
  cpuCount: 4,
  ramBytes: 536870912,
  pageFileBytes: 806354944,
  freeBytesOnC: 60 * 2 ** 30,
  stack: [
    {
      nameOnDisk: 'storahci.sys',
      baseName: 'dump_storahci.sys',
      fullName: '\\SystemRoot\\System32\\drivers\\dump_storahci.sys',
      base: 0xfffff80412340000n,
      size: 0x2f000,
      purpose: 'dump miniport',
      state: 'loaded',
    },
  ],
}

const good: DumpExamination = {
  type: 'full',
  verdict: 'pass',
  file: '/runs/1/full/MEMORY.DMP',
  byteLength: 537001984,
  dumpType: 5,
  bugcheck: { code: 0xe2, parameters: [0n, 1n, 0xfffff80412345678n, 0n] },
  pagesInDump: 131072,
  truth: {
    unit: 'pages',
    compared: 131072,
    equal: 131070,
    changedByDumpPath: 2,
    different: 0,
    missing: 0,
    extra: 0,
  },
  writtenBy: [{ fileOffset: 0, byteLength: 537001984, device: 'ahci0' }],
  seconds: 0.41,
  bytesPerSecond: 1309760937,
  checks: [
    { id: 'file', verdict: 'pass', message: 'found, 537001984 bytes' },
    { id: 'dumpType', verdict: 'pass', message: 'dump type 5 as configured' },
  ],
}
const bad: DumpExamination = {
  ...good,
  type: 'kernel',
  verdict: 'fail',
  file: '/runs/1/kernel/MEMORY.DMP',
  byteLength: 40062976,
  dumpType: 6,
  pagesInDump: 9774,
  truth: {
    unit: 'pages',
    compared: 9774,
    equal: 9773,
    changedByDumpPath: 0,
    different: 1,
    missing: 0,
    extra: 0,
  },
  writtenBy: [],
  seconds: 0.05,
  bytesPerSecond: 801259520,
  checks: [
    { id: 'truth', verdict: 'fail', message: 'pfn 0x12 differs: <found> "0x1" & more \u0001' },
    { id: 'images', verdict: 'inconclusive', message: 'no module list' },
  ],
}

export function sampleEvents(): TestEvent[] {
  const events: TestEvent[] = []
  let at = START
  const emit = createStream([(event) => events.push(event)])
  const send = (body: TestEventBody): void => {
    at += 250
    emit(body, at)
  }
  const step = (
    name: StepName,
    dump: DumpType | undefined,
    verdict: Verdict,
    inside: TestEventBody[] = [],
  ): void => {
    const place = dump === undefined ? {} : { dump }
    send({ kind: 'begin', step: name, ...place })
    for (const body of inside) send(body)
    send({ kind: 'end', step: name, ...place, verdict, seconds: inside.length / 8 })
  }
  const oneDump = (dump: DumpType, examination: DumpExamination): void => {
    step('crashControl', dump, 'pass')
    step('crash', dump, 'pass', [
      ...[0, 20, 40, 60, 80, 100].map((percent): TestEventBody => ({ kind: 'progress', percent })),
      {
        kind: 'crashed',
        dump,
        report: {
          shown: { code: 0xe2, parameters: [0n, 1n, 0xfffff80412345678n, 0n] },
          screen: ['*** STOP: 0x000000E2', 'Dumping physical memory to disk: 100'],
          finalStatus: 0,
          bytesWritten: examination.byteLength,
          seconds: examination.seconds,
          crashedAt: START,
          inFlight: { commands: 8, completed: 0, leaked: [] },
          violations:
            dump === 'kernel'
              ? [
                  {
                    severity: 'fail',
                    rule: 'DM-21',
                    count: 1,
                    call: 'StorPortIssueDpc',
                    message: 'a DPC was asked for at HIGH_LEVEL',
                    driver: 'dump_storahci.sys',
                    address: '0xfffff80412345678',
                    offset: '0x5678',
                    irql: 'HIGH_LEVEL',
                    atNs: 1234,
                    repro: 'dumpstack test --dumps kernel --seed 7',
                  },
                ]
              : [],
        },
      },
    ])
    step('awaitRestart', dump, 'pass')
    step('examine', dump, examination.verdict, [
      { kind: 'message', level: 'i', text: 'Connecting to DumpFile: C:\\Windows\\MEMORY.DMP' },
      {
        kind: 'systemEvents',
        dump,
        events: [
          {
            id: 1001,
            source: 'Microsoft-Windows-WER-SystemErrorReporting',
            eventSourceName: 'BugCheck',
            at: START,
            text: 'The computer has rebooted from a bugcheck.',
            fields: { param1: '0x000000e2' },
          },
        ],
      },
      ...(examination.verdict === 'fail'
        ? ([
            {
              kind: 'finding',
              finding: {
                check: 'truth',
                verdict: 'fail',
                message: 'pfn 0x12 differs',
                pfn: 0x12,
                fileOffset: 0x9000,
                found: '0x1',
                expected: '0x0',
              },
            },
            { kind: 'message', level: 'x', text: 'Pfn 0x12 differs: <found> "0x1" & more \u0001.' },
          ] satisfies TestEventBody[])
        : []),
      { kind: 'examined', dump, examination },
    ])
  }
  send({
    kind: 'run',
    format: 1,
    runId: '00112233445566778899aabbccddeeff',
    productVersion: '1.2.3',
    options: { seed: 7 },
    seed: 7,
    variant: null,
    target,
  })
  step('prerequisites', undefined, 'pass', [
    { kind: 'message', level: 'i', text: 'Verifying paging file size.' },
  ])
  step('pageFile', undefined, 'pass')
  oneDump('full', good)
  oneDump('kernel', bad)
  step('restore', undefined, 'pass')
  return events
}

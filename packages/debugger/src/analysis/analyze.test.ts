// What !analyze says, rule by rule, on minidumps built for each: whose code, from which registers, and how sure.
import { MemorySource } from '@dumpstack/bytes'
import {
  buildContext,
  buildCrashMinidump,
  buildExceptionRecord,
  buildTrapFrame,
  type CrashMinidump,
  DEFAULT_MODULES,
} from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { say, sessionOn } from '../session.test-support.ts'

const NT = DEFAULT_MODULES[0]!.base
const DRIVER = 0xfffff80320000000n
const REPORTER = 0xfffff80330000000n
const MODULES = [
  DEFAULT_MODULES[0]!,
  { name: 'gpu.sys', base: DRIVER, size: 0x100000, timeDateStamp: 0x595c129f },
  { name: 'dxgkrnl.sys', base: REPORTER, size: 0x100000 },
]
const STACK = 0xffffd000e0185938n
const POOL = 0xffffe0013c3fd000n

const dump = (recipe: CrashMinidump): Uint8Array => buildCrashMinidump({ modules: MODULES, ...recipe })
const analyze = (recipe: CrashMinidump, line = '!analyze -v'): Promise<string> =>
  say(sessionOn(new MemorySource(dump(recipe))), line)

/** The context with which KeBugCheckEx is entered, and a stack whose first value is where its caller goes on. */
function called(
  bugcheck: number,
  parameters: readonly [bigint, bigint, bigint, bigint],
  words: readonly bigint[],
): CrashMinidump {
  const [rdx, r8, r9] = parameters
  const rcx = BigInt(bugcheck & ~0x10000000)
  return {
    bugcheck,
    parameters,
    context: { rip: NT + 0x1ba0n, rsp: STACK, rcx, rdx, r8, r9 },
    stack: { address: STACK, words },
  }
}

describe('the culprit', () => {
  it('is the driver that called KeBugCheckEx, for certain', async () => {
    const text = await analyze(called(0xa0000001, [5n, 0n, 0n, 0n], [DRIVER + 0x2783en, 0n]))
    expect(text).toContain('SYMBOL_NAME:  gpu+0x2783e\n')
    expect(text).toContain('IMAGE_NAME:  gpu.sys\n')
    expect(text).toContain('FAILURE_BUCKET_ID:  0xA0000001_gpu+0x2783e\n')
    expect(text).toContain('Because:     it called KeBugCheckEx\n')
    expect(text).toMatch(/gpu\+0x2783e \[call\]/)
  })

  it.each([
    ['MEMORY_MANAGEMENT', 0x1a, 0x402n, '0x1A_402_memory_corruption'],
    ['MEMORY_MANAGEMENT of a page-table entry', 0x1a, 0x41792n, '0x1A_41792_memory_corruption'],
    ['PFN_LIST_CORRUPT', 0x4e, 0x99n, '0x4E_99_memory_corruption'],
  ])('is memory in %s, and not the driver on the stack', async (_, bugcheck, first, bucket) => {
    const text = await analyze(called(bugcheck, [first, 0n, 0n, 0n], [DRIVER + 0x1111n, DRIVER + 0x2222n]))
    expect(text).toContain('MODULE_NAME: memory_corruption\n')
    expect(text).toContain('IMAGE_NAME:  memory_corruption\n')
    expect(text).toContain(`FAILURE_BUCKET_ID:  ${bucket}\n`)
  })

  it.each([
    ['one high bit', POOL ^ (1n << 38n), 'memory_corruption'],
    ['one low bit, as neighbouring fields do', POOL ^ (1n << 12n), 'gpu'],
    ['two bits', POOL ^ (1n << 38n) ^ (1n << 33n), 'gpu'],
  ])('of 0x50 by an address that differs from one in the dump in %s', async (_, address, module) => {
    const text = await analyze({
      ...called(0x50, [address, 0n, DRIVER + 0x1234n, 0n], [NT + 0x1001n]),
      blocks: [{ address: POOL, bytes: new Uint8Array(16) }],
    })
    expect(text).toContain(`MODULE_NAME: ${module}\n`)
  })

  it('is the hardware where that reports the error itself', async () => {
    const text = await analyze(called(0x124, [0n, 0n, 0n, 0n], [DRIVER + 0x1111n]))
    expect(text).toContain('MODULE_NAME: hardware\n')
  })

  it('is the driver whose values fill the stack, and a guess, where a reporter raised the bugcheck', async () => {
    const words = [REPORTER + 0x187c5n, REPORTER + 0x18678n, DRIVER + 0x56884n, 7n, DRIVER + 0x568b0n]
    const text = await analyze(called(0x100000ea, [POOL, 0n, 0n, 0n], [...words, DRIVER + 0x6d753n]))
    expect(text).toContain('MODULE_NAME: gpu (guess: found on the stack by scan)\n')
    expect(text).toContain('IMAGE_NAME:  gpu.sys (guess: found on the stack by scan)\n')
    expect(text).toContain('FAILURE_BUCKET_ID:  0xEA_gpu\n')
    expect(text).not.toContain('SYMBOL_NAME')
  })

  it('is the driver that 0x116 names', async () => {
    const text = await analyze(called(0x116, [POOL, DRIVER + 0x1234n, 0n, 0n], [REPORTER + 0x1111n]))
    expect(text).toContain('IMAGE_NAME:  gpu.sys\n')
    expect(text).toContain(
      'Arg2: fffff80320001234, an address in the driver that is responsible (gpu+0x1234)\n',
    )
  })

  it('names no module for one value on the stack, which is a coincidence', async () => {
    const text = await analyze(
      called(0x1e, [0xc0000005n, NT + 0x1234n, 0n, 0n], [NT + 0x1001n, DRIVER + 0x1111n]),
    )
    expect(text).toContain('MODULE_NAME: nt\n')
    expect(text).toContain('Because:     only modules of the system are on the stack\n')
  })

  it('has a bucket that does not depend on where it was loaded', async () => {
    const bucket = async (base: bigint): Promise<string> => {
      const modules = [MODULES[0]!, { ...MODULES[1]!, base }]
      const text = await analyze({ bugcheck: 0xd1, parameters: [POOL, 2n, 0n, base + 0x5d28n], modules })
      return /FAILURE_BUCKET_ID: {2}(.*)/.exec(text)![1]!
    }
    expect(await bucket(DRIVER)).toBe('0xD1_gpu+0x5d28')
    expect(await bucket(0xfffff80455550000n)).toBe('0xD1_gpu+0x5d28')
  })
})

describe('a scan of the stack', () => {
  const CALL = Uint8Array.from([0x90, 0x90, 0xe8, 1, 2, 3, 4])
  const NO_CALL = new Uint8Array(7).fill(0x90)
  const scan = (words: readonly bigint[], blocks: CrashMinidump['blocks'] = []): Promise<string> =>
    analyze(
      {
        bugcheck: 0x1e,
        context: { rip: NT + 0x1234n, rsp: STACK },
        stack: { address: STACK, words },
        blocks,
      },
      'k',
    )

  it('takes a value after a call that can be read', async () => {
    const text = await scan([DRIVER + 0x1234n], [{ address: DRIVER + 0x122dn, bytes: CALL }])
    expect(text).toContain('gpu+0x1234 [scan: ntoskrnl.exe missing]\n')
  })

  it('takes none after other code', async () => {
    const text = await scan([DRIVER + 0x1234n], [{ address: DRIVER + 0x122dn, bytes: NO_CALL }])
    expect(text).not.toContain('gpu+')
  })

  it.each([
    ['a whole page', DRIVER + 0xd000n],
    ['what debug code fills memory with', 0xfffff803deadbeefn],
    ['the headers of an image', DRIVER + 0x10n],
  ])('takes no value that is %s', async (_, value) => {
    const modules = [MODULES[0]!, { ...MODULES[1]!, size: 0xf0000000 }]
    const text = await analyze(
      {
        bugcheck: 0x1e,
        modules,
        context: { rip: NT + 0x1234n, rsp: STACK },
        stack: { address: STACK, words: [value] },
      },
      'k',
    )
    expect(text).not.toContain('gpu')
  })

  it('lists apart what nothing at hand can tell', async () => {
    const text = await scan([DRIVER + 0x1234n, 5n, DRIVER + 0x2345n])
    expect(text).not.toContain('[scan')
    expect(text).toContain('ffffd000`e0185938 ????????`????????     nt+0x1234 [frame]\n')
    expect(text).toMatch(
      /nothing tells which of them are return addresses:\n {4}ffffd000`e0185938 gpu\+0x1234\n/,
    )
    expect(text).toContain('    ffffd000`e0185948 gpu+0x2345\n')
  })
})

describe('the exception', () => {
  const IP = DRIVER + 0x5d28n
  const FRAME = STACK + 0x20n
  const FAULT = 0x4000010bn

  it('is that of the record and context that the bugcheck names', async () => {
    const text = await analyze(
      {
        bugcheck: 0x1000007e,
        parameters: [0xffffffffc0000005n, IP, STACK, STACK + 0x100n],
        context: { rip: NT + 0x1ba0n, rsp: STACK },
        blocks: [
          { address: STACK, bytes: buildExceptionRecord(0xc0000005, IP, [1n, FAULT]) },
          { address: STACK + 0x100n, bytes: buildContext({ rip: IP, rsp: STACK + 0x800n, rbx: 0x77n }) },
        ],
      },
      '!analyze -v; .exr -1; .ecxr',
    )
    expect(text).toContain('Arg1: ffffffffc0000005, the exception code (STATUS_ACCESS_VIOLATION)\n')
    expect(text).toContain(`ExceptionAddress: ${IP.toString(16)} (gpu+0x5d28)\n`)
    expect(text).toContain('ExceptionCode: c0000005 (STATUS_ACCESS_VIOLATION, memory was accessed in a way')
    expect(text).toContain('Attempt to write address 000000004000010b\n')
    expect(text).toContain('WRITE_ADDRESS:  000000004000010b\n')
    expect(text).toContain(`CONTEXT:  (.cxr 0x${(STACK + 0x100n).toString(16)})\n`)
    expect(text.match(/rbx=0000000000000077/g)).toHaveLength(2)
    expect(text).toContain('FAILURE_BUCKET_ID:  0x7E_c0000005_gpu+0x5d28\n')
  })

  it.each([
    [
      '0xD1',
      0xd1,
      [FAULT, 2n, 1n, IP],
      'WRITE_ADDRESS:  000000004000010b\n\nCURRENT_IRQL:  2 (DISPATCH_LEVEL)',
    ],
    ['0xA', 0xa, [FAULT, 15n, 0n, IP], 'READ_ADDRESS:  000000004000010b\n\nCURRENT_IRQL:  f (HIGH_LEVEL)'],
    ['0xA of an execution', 0x1000000a, [FAULT, 2n, 8n, IP], 'EXECUTE_ADDRESS:  000000004000010b\n'],
    ['0x50', 0x50, [FAULT, 2n, IP, 0n], 'WRITE_ADDRESS:  000000004000010b\n'],
    ['0x1E', 0x1e, [0xffffffffc0000005n, IP, 1n, FAULT], 'WRITE_ADDRESS:  000000004000010b\n'],
  ] as const)(
    'of %s has the registers of the trap frame on the stack',
    async (_, bugcheck, parameters, text) => {
      const frame = buildTrapFrame({ rip: IP, rsp: FRAME + 0x190n, rax: 0x1234n }, FAULT)
      const said = await analyze(
        {
          bugcheck,
          parameters,
          context: { rip: NT + 0x1ba0n, rsp: STACK },
          blocks: [
            // The address itself, where it is no part of a trap frame, is passed by.
            { address: STACK, bytes: new Uint8Array(new BigUint64Array([IP, 0n, 0n, 0n]).buffer) },
            { address: FRAME, bytes: frame },
          ],
        },
        '!analyze -v; .ecxr; r rbx',
      )
      expect(said).toContain(text)
      expect(said).toContain(`CONTEXT:  (.trap 0x${FRAME.toString(16)})\n`)
      expect(said.match(/rax=0000000000001234 rbx=\?{16} /g)).toHaveLength(2)
      expect(said).toContain("register 'rbx' is not known\n")
    },
  )

  it('has the registers of the header where these are at the code at fault', async () => {
    const text = await analyze({
      bugcheck: 0x1e,
      parameters: [0xffffffffc000001dn, IP, 0n, 0n],
      context: { rip: IP, rsp: STACK + 0x400n, rsi: 0x99n },
      stack: { address: STACK, words: [IP] },
    })
    expect(text).toContain('CONTEXT:  (the header of the dump)\n')
    expect(text).toContain('rsi=0000000000000099')
    expect(text).toContain('EXCEPTION_CODE: (NTSTATUS) 0xc000001d (STATUS_ILLEGAL_INSTRUCTION, ')
  })

  it('of 0x3B is that which the dispatcher left on the stack', async () => {
    const record = buildExceptionRecord(0xc0000005, IP, [0n, FAULT])
    const text = await analyze(
      {
        bugcheck: 0x3b,
        parameters: [0xc0000005n, IP, STACK + 0x200n, 0n],
        context: { rip: NT + 0x1ba0n, rsp: STACK },
        blocks: [
          // One of another exception at the same place, then that of this one.
          { address: STACK, bytes: buildExceptionRecord(0x80000003, IP) },
          { address: STACK + 0x98n, bytes: record },
          { address: STACK + 0x200n, bytes: buildContext({ rip: IP, rsp: STACK + 0x800n }) },
        ],
      },
      '!analyze -v; .exr -1',
    )
    expect(text).toContain(`EXCEPTION_RECORD:  ${(STACK + 0x98n).toString(16)} (.exr 0x`)
    expect(text.match(/Attempt to read address 000000004000010b\n/g)).toHaveLength(2)
    expect(text).toContain('READ_ADDRESS:  000000004000010b\n')
    expect(text).toContain(`CONTEXT:  (.cxr 0x${(STACK + 0x200n).toString(16)})\n`)
  })

  it('is absent by name where the dump holds no record', async () => {
    const text = await analyze(
      { bugcheck: 0xe2 },
      `.exr -1; .exr ${POOL.toString(16)}; .trap ${POOL.toString(16)}`,
    )
    expect(text).toMatch(
      /^the dump holds no exception record of the bugcheck\n(memory at ffffe001`3c3fd000 cannot be read.*\n){2}$/,
    )
  })
})

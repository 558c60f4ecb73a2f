import { gpa, gva, MemorySource } from '@dumpstack/bytes'
import { describe, expect, it } from 'vitest'
import type { DumpFacts } from '../compose-header.ts'
import { readModules } from '../modules.ts'
import { openDump } from '../open-dump.ts'
import { verifyDump } from '../verify-dump.ts'
import { planTriageDump, type TriageFacts } from './plan-triage-dump.ts'
import { readSecondaryData } from './secondary-data.ts'

const KERNEL = 0xfffff80400000000n
const KDBG = KERNEL + 0x4000n
const PRCB = KERNEL + 0x10000n
const THREAD = KERNEL + 0x30000n
const PROCESS = KERNEL + 0x40000n
const STACK = 0xffff850429890ee8n
const MEMORY_BYTES = 0x60000
const SIZE_PRCB = 0xaf00
const SIZE_PROCESS = 0xa40
const SIZE_THREAD = 0x898

/** A kernel's memory, every byte telling its address, with the pointers that a reader follows. Offsets: WDK reference. */
function kernelMemory(): Uint8Array {
  const memory = new Uint8Array(MEMORY_BYTES).map((_, i) => (i ^ (i >> 8)) & 0xff)
  const view = new DataView(memory.buffer)
  const kdbg = Number(KDBG - KERNEL)
  view.setUint32(kdbg + 0x10, 0x4742444b, true)
  view.setUint32(kdbg + 0x14, 0x380, true)
  view.setBigUint64(kdbg + 0x18, KERNEL, true)
  view.setBigUint64(kdbg + 0x48, KERNEL + 0x5000n, true)
  view.setUint16(kdbg + 0x2a0, 0xb8, true)
  view.setUint16(kdbg + 0x2a8, SIZE_PROCESS, true)
  view.setUint16(kdbg + 0x2b0, SIZE_PRCB, true)
  view.setUint16(kdbg + 0x2b4, 8, true)
  view.setUint16(kdbg + 0x2c0, SIZE_THREAD, true)
  view.setBigUint64(Number(PRCB - KERNEL) + 8, THREAD, true)
  view.setBigUint64(Number(THREAD - KERNEL) + 0xb8, PROCESS, true)
  return memory
}

const stackBytes = new Uint8Array(0x118).map((_, i) => i * 7)
const kernelBytes = kernelMemory()
const memory = {
  read(address: bigint, into: Uint8Array): number {
    for (const [base, bytes] of [
      [KERNEL, kernelBytes],
      [STACK, stackBytes],
    ] as const) {
      if (address < base || address >= base + BigInt(bytes.byteLength)) continue
      const from = Number(address - base)
      const part = bytes.subarray(from, from + into.byteLength)
      into.set(part)
      return part.byteLength
    }
    return 0
  },
}

const context = new Uint8Array(0x4d0)
new DataView(context.buffer).setUint32(0x30, 0x10000b, true)
new DataView(context.buffer).setBigUint64(0x98, STACK, true)
new DataView(context.buffer).setBigUint64(0xf8, KERNEL + 0x3fd920n, true)

const facts: DumpFacts = {
  build: 19041,
  processorCount: 2,
  bugcheckCode: 0xe2,
  bugcheckParameters: [1n, 2n, 3n, 4n],
  directoryTableBase: gpa(0x1ad000),
  pfnDataBase: gva(KERNEL + 0x6000n),
  psLoadedModuleList: gva(KERNEL + 0x5000n),
  psActiveProcessHead: gva(KERNEL + 0x5010n),
  kdDebuggerDataBlock: gva(KDBG),
  contextRecord: context,
  exceptionRecord: new Uint8Array(0x98),
  systemTime: 133_500_000_000_000_000n,
  systemUpTime: 90_000_000n,
  productType: 1,
  suiteMask: 0x110,
  physicalMemory: [],
}

const triage: TriageFacts = {
  prcb: gva(PRCB),
  process: gva(PROCESS),
  thread: gva(THREAD),
  callStack: { address: gva(STACK), byteLength: stackBytes.byteLength },
  drivers: [
    {
      fullName: '\\SystemRoot\\system32\\ntoskrnl.exe',
      base: gva(KERNEL),
      size: 0x1046000,
      checkSum: 0xa5938c,
      timeDateStamp: 0xd8333e6,
    },
    {
      fullName: '\\SystemRoot\\System32\\drivers\\a.sys',
      base: gva(KERNEL + 0x2000000n),
      size: 0x6000,
      checkSum: 1,
      timeDateStamp: 2,
    },
  ],
  unloadedDrivers: [
    { name: 'mcupdate.dll', start: gva(KERNEL + 0x3000000n), end: gva(KERNEL + 0x3001000n) },
    { name: 'dump_storport.sys', start: gva(KERNEL + 0x4000000n), end: gva(KERNEL + 0x4001000n) },
  ],
  blocks: [
    { address: gva(PRCB), byteLength: SIZE_PRCB },
    { address: gva(KERNEL + 0x5003n), byteLength: 13 },
    { address: gva(KERNEL + 0x5000n), byteLength: 0x20 },
  ],
  secondaryData: [
    { tag: '270A33FD-3DA6-460D-BA89-3C1BAE21E39B', bytes: Uint8Array.of(1, 2, 3) },
    { tag: '00000000-0000-0000-0000-000000000000', bytes: new Uint8Array(0) },
  ],
}

function planned(overrides: { triage?: Partial<TriageFacts>; fileByteLength?: number } = {}) {
  const plan = planTriageDump({
    facts,
    triage: { ...triage, ...overrides.triage },
    memory,
    fileByteLength: overrides.fileByteLength ?? 0x200000,
  })
  const bytes = new Uint8Array(plan.byteLength)
  for (const extent of plan.extents()) if ('bytes' in extent) bytes.set(extent.bytes, extent.at)
  return { plan, bytes, view: new DataView(bytes.buffer) }
}

const text = (bytes: Uint8Array): string => new TextDecoder('utf-16le').decode(bytes)

describe('a planned minidump', () => {
  it('holds as much of the debugger data as the kernel has', () => {
    const sizeAt = Number(KDBG - KERNEL) + 0x14
    new DataView(kernelBytes.buffer).setUint32(sizeAt, 0x360, true) // Windows 8.1
    try {
      const { view } = planned()
      const at = (field: number): number => view.getUint32(0x2000 + field, true)
      expect([at(0x30) - at(0x70), at(0x74)]).toEqual([0x360, 0x360])
    } finally {
      new DataView(kernelBytes.buffer).setUint32(sizeAt, 0x380, true)
    }
  })

  it('has its pools in the order and with the distances of real ones', () => {
    const { bytes, view } = planned()
    const at = (field: number): number => view.getUint32(0x2000 + field, true)
    expect([at(0x0c), at(0x10), at(0x14), at(0x18)]).toEqual([0x348, 0xf00, 0x2080, 0x20d0])
    expect(at(0x1c)).toBe(0x20d0 + 8 + 2 * 0x38)
    expect(at(0x20) - at(0x1c)).toBe(SIZE_PRCB)
    expect(at(0x24) - at(0x20)).toBe(SIZE_PROCESS)
    expect(at(0x28) - at(0x24)).toBe(SIZE_THREAD)
    expect(at(0x70) - at(0x28)).toBe(stackBytes.byteLength)
    expect(at(0x30) - at(0x70)).toBe(0x380)
    expect(at(0x38) - at(0x30)).toBe(2 * 0x90)
    expect(at(0x78) - at(0x38)).toBe(at(0x3c))
    expect(at(0x08)).toBe(at(0x04) - 4)
    expect(text(bytes.subarray(at(0x08), at(0x08) + 4)).length).toBe(2)
    expect(new TextDecoder().decode(bytes.subarray(at(0x08), at(0x04)))).toBe('TRGD')
    expect([at(0x40), at(0x44), view.getUint32(0x1038, true)]).toEqual([0, 0xffffffff, 0xcff])
    expect(view.getBigUint64(0x2048, true)).toBe(STACK)
    expect([view.getUint32(0x2080, true), view.getUint32(0x2084, true)]).toEqual([1, 0x50])
  })

  it('names drivers by strings that real readers decode', () => {
    const { bytes, view } = planned()
    const list = view.getUint32(0x2030, true)
    const second = list + 0x90
    const name = view.getUint32(second, true)
    const length = view.getUint32(name, true)
    expect(text(bytes.subarray(name + 4, name + 4 + length * 2))).toBe(triage.drivers[1]!.fullName)
    expect(view.getBigUint64(second + 0x38, true)).toBe(KERNEL + 0x2000000n)
    expect(view.getBigUint64(second + 0x40, true)).toBe(0n)
    expect([
      view.getUint32(second + 0x48, true),
      view.getUint32(second + 0x80, true),
      view.getUint32(second + 0x88, true),
    ]).toEqual([0x6000, 1, 2])
  })

  it('cuts names of unloaded drivers to 12 characters and lists the newest first', () => {
    const { bytes, view } = planned()
    expect(view.getUint32(0x20d0, true)).toBe(2)
    const row = 0x20d8
    expect([view.getUint16(row, true), view.getUint16(row + 2, true)]).toEqual([24, 24])
    expect(text(bytes.subarray(row + 0x10, row + 0x28))).toBe('dump_storpor')
    expect(view.getBigUint64(row + 0x28, true)).toBe(KERNEL + 0x4000000n)
    expect(text(bytes.subarray(row + 0x48, row + 0x60))).toBe('mcupdate.dll')
  })

  it('is opened, read whole and verified by the dump room', () => {
    const { bytes } = planned()
    const source = new MemorySource(bytes)
    const dump = openDump(source)
    expect(dump.header).toMatchObject({
      dumpType: 4,
      bugcheckCode: 0xe2,
      requiredDumpSpace: BigInt(bytes.length),
    })
    expect(readModules(dump).loaded.map((module) => module.baseName)).toEqual(['ntoskrnl.exe', 'a.sys'])
    expect(dump.triage?.thread?.address).toBe(THREAD)
    expect(dump.triage?.process?.address).toBe(PROCESS)
    expect(dump.triage?.prcb?.address).toBe(PRCB)
    const into = new Uint8Array(0x20)
    expect(dump.virtual().read(gva(KERNEL + 0x5000n), into)).toBe(0x20)
    expect(into).toEqual(kernelBytes.slice(0x5000, 0x5020))
    expect(readSecondaryData(dump).map((blob) => [blob.tag, blob.byteLength])).toEqual([
      ['270A33FD-3DA6-460D-BA89-3C1BAE21E39B', 3],
      ['00000000-0000-0000-0000-000000000000', 0],
    ])
    const steps = verifyDump(source, { allPages: false })
    let step = steps.next()
    while (step.done !== true) step = steps.next()
    expect(step.value.checks.filter((check) => check.verdict !== 'pass')).toEqual([])
  })

  it('keeps each byte of memory in one block only', () => {
    const { view } = planned()
    const [table, count] = [view.getUint32(0x2078, true), view.getUint32(0x207c, true)]
    const blocks = Array.from({ length: count }, (_, i) => [
      view.getBigUint64(table + i * 16, true) - KERNEL,
      view.getUint32(table + i * 16 + 12, true),
    ])
    expect(blocks).toEqual([
      [0x10000n, SIZE_PRCB],
      [0x5003n, 13],
      [0x5000n, 3],
      [0x5010n, 0x10],
    ])
  })

  it('leaves out the last blocks where the page file is too small, and says so', () => {
    const whole = planned().plan.byteLength
    const { plan, view } = planned({ fileByteLength: whole - 1 })
    expect([plan.truncated, view.getUint32(0x207c, true), view.getUint32(0x2044, true)]).toEqual([
      true,
      3,
      0x100,
    ])
    expect(plan.byteLength).toBeLessThan(whole)
  })
})

it.each([
  [
    'a page file without room for the fixed parts',
    {},
    0x8000,
    /needs 0x[0-9a-f]+ bytes, the file has 0x8000/,
  ],
  [
    'a block that is no memory',
    { blocks: [{ address: gva(0xffff900000000000n), byteLength: 8 }] },
    0x200000,
    /data block 0 at 0xffff900000000000 has 0x0 bytes in memory, expected 0x8/,
  ],
  [
    'a tag that is no GUID',
    { secondaryData: [{ tag: 'x', bytes: new Uint8Array(1) }] },
    0x200000,
    /tag x is no GUID/,
  ],
])('refuses %s', (_, overrides, fileByteLength, message) => {
  expect(() => planned({ triage: overrides, fileByteLength })).toThrow(
    expect.objectContaining({ code: 'DUMP_PLAN', message: expect.stringMatching(message) }),
  )
})

describe('verify', () => {
  const view = (bytes: Uint8Array) => new DataView(bytes.buffer)
  const word = (bytes: Uint8Array, at: number) => view(bytes).getUint32(at, true)
  it.each([
    [
      'a pool over another',
      (bytes: Uint8Array) => view(bytes).setUint32(0x2070, word(bytes, 0x2028) + 8, true),
      'triage-pools',
      /debugger data lies over call stack at offset/,
    ],
    [
      'a pool after the signature',
      (bytes: Uint8Array) => {
        const offset = word(bytes, 0x2004) - 12
        view(bytes).setUint32(0x2014, offset, true)
        view(bytes).setUint32(offset + 4, 0x50, true)
      },
      'triage-pools',
      /memory manager information leaves the dump at offset/,
    ],
    [
      'different bytes for one address',
      (bytes: Uint8Array) => view(bytes).setUint8(word(bytes, 0x2078) + 16, 1),
      'data-blocks',
      /data blocks 2 and 1 hold different bytes for 0x[0-9a-f]+ at offset/,
    ],
    [
      'a blob longer than the file',
      (bytes: Uint8Array) => view(bytes).setUint32(word(bytes, 0x2004) + 0x10 + 0x14, 0x1000, true),
      'secondary-data',
      /secondary data 0 at offset 0x[0-9a-f]+ ends at/,
    ],
  ])('finds %s', (_, damage, id, message) => {
    const { bytes } = planned()
    damage(bytes)
    const steps = verifyDump(new MemorySource(bytes), { allPages: false })
    let step = steps.next()
    while (step.done !== true) step = steps.next()
    expect(step.value.checks.find((check) => check.verdict !== 'pass')).toMatchObject({
      id,
      verdict: 'fail',
      message: expect.stringMatching(message),
    })
  })
  it.each([
    [
      'a name outside the string pool',
      (bytes: Uint8Array) => view(bytes).setUint32(word(bytes, 0x2030), 0x2084, true),
      'string-pool',
      /^unusual: name of driver 0 is not in the string pool at offset/,
    ],
    [
      'blocks that had no room',
      (bytes: Uint8Array) => view(bytes).setUint32(0x2044, 0x100, true),
      'data-blocks',
      /^unusual: the dump had no room for more than 4 data blocks at offset 0x2044/,
    ],
  ])('remarks %s', (_, oddity, id, message) => {
    const { bytes } = planned()
    oddity(bytes)
    const steps = verifyDump(new MemorySource(bytes), { allPages: false })
    let step = steps.next()
    while (step.done !== true) step = steps.next()
    expect(step.value.verdict).toBe('pass')
    expect(step.value.checks.find((check) => check.remark === true)).toMatchObject({
      id,
      message: expect.stringMatching(message),
    })
  })
})

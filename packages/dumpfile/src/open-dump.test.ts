import { gpa, gva, MemorySource, pfn, pfnToGpa } from '@dumpstack/bytes'
import { buildDump, buildTriageDump } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { DumpError } from './dump-error.ts'
import { openDump } from './open-dump.ts'

describe.each([1, 5, 6] as const)('a dump of type %i', (type) => {
  const built = buildDump({ type })
  const dump = openDump(new MemorySource(built.bytes))

  it('says what its header says', () => {
    expect(dump.header).toMatchObject({
      dumpType: type,
      machine: 0x8664,
      build: 19041,
      processorCount: 1,
      bugcheckCode: 0xe2,
      bugcheckParameters: [0x11n, 0x22n, 0xffffffffc0000005n, 0x44n],
      directoryTableBase: built.dtb,
      psLoadedModuleList: built.moduleListHead,
      kdDebuggerDataBlock: built.kdbg,
      attributes: 0,
      requiredDumpSpace: BigInt(built.bytes.length),
    })
  })

  it('finds every page where the file has it, and no other', () => {
    expect(dump.pages?.size).toBe(built.pfns.length)
    for (const [index, page] of built.pfns.entries()) {
      expect(dump.pageOffset(pfn(page))).toBe(built.firstPage + index * 4096)
    }
    const held = new Set(built.pfns)
    for (const page of [0, 0x9f, 0xff, 0x400, 0xfffff, 0x100040, 2 ** 33]) {
      expect(dump.pageOffset(pfn(page))).toBe(-1)
    }
    for (let page = 0x100; page < 0x400; page++) {
      if (!held.has(page)) expect(dump.pageOffset(pfn(page))).toBe(-1)
    }
  })

  it('reads physical memory across pages up to the first hole', () => {
    const into = new Uint8Array(3 * 4096)
    const index = built.pfns.findIndex(
      (page, i) => built.pfns[i + 1] === page + 1 && built.pfns[i + 2] !== page + 2,
    )
    const got = dump.physical?.read(gpa(pfnToGpa(pfn(built.pfns[index] ?? 0)) + 0x10), into)
    expect(got).toBe(2 * 4096 - 0x10)
    const at = built.firstPage + index * 4096 + 0x10
    expect(into.subarray(0, got)).toEqual(built.bytes.subarray(at, at + (got ?? 0)))
    expect(dump.physical?.read(gpa(0), into)).toBe(0)
  })

  it('reads virtual memory whose pages are strangers in the file', () => {
    const space = dump.virtual()
    const into = new Uint8Array(0x1100)
    expect(space.read(gva(built.kernelBase + 0xf80n), into)).toBe(into.length)
    const first = built.fileOffset(built.kernelBase + 0xf80n)
    const second = built.fileOffset(built.kernelBase + 0x1000n)
    expect(into.subarray(0, 0x80)).toEqual(built.bytes.subarray(first, first + 0x80))
    expect(into.subarray(0x80, 0x1080)).toEqual(built.bytes.subarray(second, second + 0x1000))
  })

  it('says why an address cannot be read', () => {
    const space = dump.virtual()
    expect(space.absence(gva(built.kernelBase))).toBeNull()
    expect(space.absence(gva(0x1000n))).toBe('notMapped')
    expect(space.absence(gva(0x8000_0000_0000_0000n))).toBe('notMapped')
    expect(space.absence(gva(built.pagedOut))).toBe('pagedOut')
    expect(space.absence(gva(built.absent))).toBe('notInDump')
    expect(dump.virtual(gpa(0x7fff_f000)).absence(gva(built.kernelBase))).toBe('notInDump')
  })

  it('follows large pages and pages in transition', () => {
    const space = dump.virtual()
    expect(space.translate(gva(built.large.va))).toBe(built.large.gpa)
    expect(space.translate(gva(built.transition.va + 0x123n))).toBe(built.transition.pfn * 4096 + 0x123)
    const into = new Uint8Array(16)
    expect(space.read(gva(built.transition.va), into)).toBe(16)
    expect(into.every((byte) => byte === 0x5a)).toBe(true)
  })
})

it('tells a page that the file was cut off before from one that the dump does not hold', () => {
  const built = buildDump({ type: 1 })
  const bytes = Buffer.from(built.bytes)
  bytes.writeBigUInt64LE(0x41n, 0xc0) // the last run claims one page more than the file has
  const entry = Buffer.alloc(8)
  entry.writeBigUInt64LE((0xabcdefn << 12n) | 0x63n)
  bytes.writeBigUInt64LE((0x100040n << 12n) | 0x63n, bytes.indexOf(entry))
  const dump = openDump(new MemorySource(bytes))
  expect(dump.pages?.has(pfn(0x100040))).toBe(true)
  expect(dump.pageOffset(pfn(0x100040))).toBe(-1)
  expect(dump.virtual().absence(gva(built.absent))).toBe('pastEnd')
  expect(dump.virtual().read(gva(built.absent), new Uint8Array(1))).toBe(0)
  const headerOnly = openDump(new MemorySource(bytes.subarray(0, 0x2000)))
  expect(headerOnly.virtual().absence(gva(built.absent))).toBe('pastEnd') // the page table itself
})

it('ignores bits of the bitmap beyond its count', () => {
  const built = buildDump({
    type: 5,
    runs: [
      [1, 100],
      [0x200, 0x203],
    ],
    roundBits: false,
  })
  const bytes = built.bytes.slice()
  const last = 0x2038 + Math.ceil(0x403 / 8) - 1
  bytes[last] = (bytes[last] ?? 0) | 0xf8 // bits past the last page, 0x402
  const dump = openDump(new MemorySource(bytes))
  expect(dump.pages?.size).toBe(built.pfns.length)
  expect(dump.pageOffset(pfn(0x402))).toBe(built.firstPage + (built.pfns.length - 1) * 4096)
  expect(dump.pageOffset(pfn(0x403))).toBe(-1)
})

it('opens a first page that is not page-aligned, as debuggers write it', () => {
  const built = buildDump({
    type: 5,
    runs: [
      [0, 128],
      [0x200, 0x200],
    ],
  })
  const first = 0x2038 + 0x400 / 8
  const bytes = new Uint8Array(first + built.pfns.length * 4096)
  bytes.set(built.bytes.subarray(0, first))
  bytes.set(built.bytes.subarray(built.firstPage), first)
  new DataView(bytes.buffer).setBigUint64(0x2020, BigInt(first), true)
  const dump = openDump(new MemorySource(bytes))
  const into = new Uint8Array(8)
  expect(dump.pageOffset(pfn(1))).toBe(first + 4096)
  expect(dump.virtual().read(gva(built.kdbg + 0x10n), into)).toBe(8)
  expect(new TextDecoder().decode(into.subarray(0, 4))).toBe('KDBG')
})

const page = (text: string, length = 0x3000) => {
  const bytes = new Uint8Array(length)
  bytes.set([...text].map((c) => c.charCodeAt(0)))
  return bytes
}
const typed = (type: number) => {
  const bytes = buildDump({
    type: 1,
    runs: [
      [0x1, 0x3f],
      [0x200, 0x200],
    ],
  }).bytes
  new DataView(bytes.buffer).setUint32(0xf98, type, true)
  return bytes
}

it.each([
  ['an empty file', new Uint8Array(0), 'DUMP_EMPTY', /empty/],
  ['zeros', new Uint8Array(0x4000), 'DUMP_ZERO_FILLED', /first 0x2000 bytes are zero/],
  ['a user-mode minidump', page('MDMP'), 'DUMP_USER_MODE', /user-mode/],
  ['an old user dump', page('USERDU64'), 'DUMP_USER_MODE', /user-mode/],
  ['a cabinet', page('MSCF'), 'DUMP_NOT_A_DUMP', /cabinet/],
  ['a zip archive', page('PK\x03\x04'), 'DUMP_NOT_A_DUMP', /zip archive/],
  ['a gzip file', page('\x1f\x8b\x08'), 'DUMP_NOT_A_DUMP', /gzip/],
  ['an xz file', page('\xfd7zXZ\x00'), 'DUMP_NOT_A_DUMP', /xz file/],
  ['a Zstandard file', page('\x28\xb5\x2f\xfd'), 'DUMP_NOT_A_DUMP', /Zstandard/],
  ['a hibernation file', page('hibr'), 'DUMP_NOT_A_DUMP', /hibernation/],
  ['an ELF core', page('\x7fELF'), 'DUMP_NOT_A_DUMP', /ELF/],
  [
    'text',
    page('hello world'),
    'DUMP_NOT_A_DUMP',
    /68 65 6c 6c 6f 20 77 6f at offset 0x0, expected PAGEDU64/,
  ],
  ['eight bytes of a dump', page('PAGEDU64', 8), 'DUMP_TRUNCATED', /ends at offset 0x8, expected 0x2000/],
  ['a 32-bit dump', page('PAGEDUMP'), 'DUMP_UNSUPPORTED_TYPE', /32-bit crash dump/],
  ['a summary dump', typed(2), 'DUMP_UNSUPPORTED_TYPE', /0x2 \(summary dump/],
  ['a header dump', typed(3), 'DUMP_UNSUPPORTED_TYPE', /0x3 \(header dump/],
  ['a dump of a debugger', typed(8), 'DUMP_UNSUPPORTED_TYPE', /0x8 \(kernel memory dump of a debugger/],
  ['type 77', typed(77), 'DUMP_UNSUPPORTED_TYPE', /unknown type 77/],
])('refuses %s and says what it is', (_, bytes, code, message) => {
  const open = () => openDump(new MemorySource(bytes))
  expect(open).toThrow(DumpError)
  expect(open).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
})

it.each([
  [0x2000, 'XXXX', /bitmap signature at offset 0x2000/],
  [0x2004, 'XXXX', /bitmap signature at offset 0x2004/],
  [
    0x2020,
    '\xff\xff\xff\xff\xff\xff\xff\xff',
    /offset of the first page at offset 0x2020 is 0xffffffffffffffff/,
  ],
  [
    0x2020,
    '\x00\x20\x00\x00\x00\x00\x00\x00',
    /offset of the first page at offset 0x2020 is 0x2000, expected at least/,
  ],
  [0x2028, '\xff\xff\xff\xff\xff\xff\xff\x7f', /number of pages at offset 0x2028/],
  [0x2030, '\xff\xff\xff\xff\xff\xff\xff\x7f', /number of bits at offset 0x2030/],
])('refuses a bitmap header that lies at offset 0x%s', (offset, text, message) => {
  const { bytes } = buildDump({ type: 5 })
  for (let i = 0; i < text.length; i++) bytes[offset + i] = text.charCodeAt(i)
  expect(() => openDump(new MemorySource(bytes))).toThrow(
    expect.objectContaining({ code: 'DUMP_DAMAGED', message: expect.stringMatching(message) }),
  )
})

it('refuses runs that do not fit the header and says where the file ends inside a bitmap', () => {
  const { bytes } = buildDump({ type: 1 })
  new DataView(bytes.buffer).setUint32(0x88, 43, true)
  expect(() => openDump(new MemorySource(bytes))).toThrow(
    /number of runs at offset 0x88 is 0x2b, expected at most 0x2a/,
  )
  const bitmap = buildDump({ type: 5 }).bytes.subarray(0, 0x2020)
  expect(() => openDump(new MemorySource(bitmap))).toThrow(/ends at offset 0x2020 inside the bitmap header/)
  const pages = buildDump({ type: 5 }).bytes.subarray(0, 0x5000)
  expect(() => openDump(new MemorySource(pages))).toThrow(
    expect.objectContaining({
      code: 'DUMP_TRUNCATED',
      message: expect.stringMatching(/ends at offset 0x5000 inside the bitmap, expected at least 0x23000/),
    }),
  )
})

it('opens a minidump without physical memory', () => {
  const dump = openDump(new MemorySource(buildTriageDump()))
  expect(dump.pages).toBeNull()
  expect(dump.pageOffset(pfn(1))).toBe(-1)
  expect(dump.virtual().absence(gva(0xfffff80312400000n))).toBe('notInDump')
})

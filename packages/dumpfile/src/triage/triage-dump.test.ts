import { gva, MemorySource } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { buildTriageDump } from '@dumpstack/testkit'
import { sharedData } from '@dumpstack/testkit/node'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Dump,
  DumpError,
  openDump,
  readModules,
  readModulesAsFarAsPossible,
  readSecondaryData,
} from '../index.ts'

const STACK = 0xffff850429890ee8n
const BLOCKS: ReadonlyArray<readonly [address: bigint, bytes: readonly number[]]> = [
  [0xfffff80312400800n, [5, 6, 7, 8, 9]],
  [0xfffff80312400000n, [1, 2, 3, 4]],
  [0xfffff80312400004n, [0x11, 0x12]],
  [0xfffffffffffffff0n, [0xaa, 0xbb]],
]

/** A minidump with a call stack, blocks and secondary data after it; offsets by the public description. */
function buildPools(): Uint8Array {
  const base = buildTriageDump()
  const out = new Uint8Array(base.length + 0x400)
  out.set(base)
  const view = new DataView(out.buffer)
  let end = base.length
  const put = (...bytes: number[]): number => {
    out.set(bytes, end)
    end += bytes.length
    return end - bytes.length
  }
  view.setUint32(0x1038, 0xcff, true)
  view.setUint32(0x2028, put(1, 2, 3, 4, 5, 6, 7, 8), true)
  view.setUint32(0x202c, 8, true)
  view.setBigUint64(0x2048, STACK, true)
  const table = end
  end += BLOCKS.length * 16
  view.setUint32(0x2078, table, true)
  view.setUint32(0x207c, BLOCKS.length, true)
  for (const [index, [address, bytes]] of BLOCKS.entries()) {
    view.setBigUint64(table + index * 16, address, true)
    view.setUint32(table + index * 16 + 8, put(...bytes), true)
    view.setUint32(table + index * 16 + 12, bytes.length, true)
  }
  view.setUint32(0x2004, end, true)
  for (const [index, character] of [...'DumpBlob'].entries()) out[end + index] = character.charCodeAt(0)
  view.setUint32(end + 8, 0x10, true)
  const blob = end + 16
  view.setUint32(blob, 0x20, true)
  view.setUint32(blob + 4, 0x270a33fd, true)
  view.setUint16(blob + 8, 0x3da6, true)
  view.setUint16(blob + 10, 0x460d, true)
  out.set([0xba, 0x89, 0x3c, 0x1b, 0xae, 0x21, 0xe3, 0x9b], blob + 12)
  view.setUint32(blob + 0x14, 3, true)
  view.setUint32(blob + 0x18, 4, true)
  view.setUint32(blob + 0x1c, 5, true)
  return out.subarray(0, blob + 0x20 + 4 + 3 + 5)
}

const open = (bytes: Uint8Array): Dump => openDump(new MemorySource(bytes))

function bytesAt(dump: Dump, address: bigint, length: number): number[] {
  const into = new Uint8Array(length)
  return [...into.subarray(0, dump.virtual().read(gva(address), into))]
}

describe('the memory of a minidump', () => {
  it('has each block at its address, also across blocks that touch', () => {
    const dump = open(buildPools())
    expect(bytesAt(dump, 0xfffff80312400002n, 8)).toEqual([3, 4, 0x11, 0x12])
    expect(bytesAt(dump, 0xfffff80312400803n, 2)).toEqual([8, 9])
    expect(bytesAt(dump, 0xfffffffffffffff0n, 8)).toEqual([0xaa, 0xbb])
    expect(bytesAt(dump, 0xfffff80312400006n, 1)).toEqual([])
  })

  it('has the call stack at the top of the stack', () => {
    const dump = open(buildPools())
    expect(bytesAt(dump, STACK + 2n, 4)).toEqual([3, 4, 5, 6])
    expect(dump.virtual().absence(gva(STACK))).toBeNull()
    expect(dump.virtual().absence(gva(STACK - 1n))).toBe('notInDump')
    expect(dump.virtual().translate(gva(STACK))).toBeNull()
  })

  it('reads the blocks only where MiniDumpFields names them beside all basic parts', () => {
    const bytes = buildPools()
    new DataView(bytes.buffer).setUint32(0x1038, 0xc7f, true)
    expect(open(bytes).triage?.blocks).toEqual([])
    new DataView(bytes.buffer).setUint32(0x1038, 0x4ff, true)
    expect(open(bytes).triage?.blocks).toEqual([])
  })
})

it('walks secondary data over its padding to the end of the file', () => {
  const bytes = buildPools()
  expect(readSecondaryData(open(bytes))).toEqual([
    { tag: '270A33FD-3DA6-460D-BA89-3C1BAE21E39B', offset: bytes.length - 8, byteLength: 3 },
  ])
  expect(readSecondaryData(open(buildTriageDump()))).toEqual([])
})

it.each([
  ['a block after the end of the file', 0x2078, -1, 'DUMP_TRUNCATED', /data block/],
  [
    'more blocks than the file has bytes',
    0x207c,
    0x7fffffff,
    'DUMP_TRUNCATED',
    /table of 2147483647 data blocks/,
  ],
  ['a call stack after the end of the file', 0x202c, 0x10000000, 'DUMP_TRUNCATED', /call stack at offset/],
])('leaves out %s, says so, and reads the rest', (_, at, value, code, message) => {
  const bytes = buildPools()
  new DataView(bytes.buffer).setUint32(at, value >>> 0, true)
  const { damage, debuggerData } = open(bytes).triage!
  expect(damage[0]).toMatchObject({ code, message: expect.stringMatching(message) })
  expect(debuggerData).not.toBeNull()
  expect(readModules(open(bytes)).loaded).not.toHaveLength(0)
})

it('leaves out one block past the end of the address space', () => {
  const bytes = buildPools()
  const view = new DataView(bytes.buffer)
  const { blocks } = open(bytes).triage!
  view.setBigUint64(view.getUint32(0x2078, true), 0xffffffffffffffffn, true)
  const { damage, blocks: left } = open(bytes).triage!
  expect(damage.map(({ message }) => message)).toEqual([
    expect.stringMatching(/past the end of the address space/),
  ])
  expect(left).toEqual(blocks.slice(1))
})

it('reads the modules where only the list of unloaded ones lies', () => {
  const bytes = buildPools()
  const view = new DataView(bytes.buffer)
  view.setUint32(view.getUint32(0x2018, true), 0xffffffff, true)
  const { modules, damage } = readModulesAsFarAsPossible(open(bytes))
  expect(damage?.message).toMatch(/list of 4294967295 unloaded drivers at offset/)
  expect(modules.loaded).toHaveLength(4)
  expect(modules.unloaded).toEqual([])
})

it('reads the other modules where the name of one lies', () => {
  const bytes = buildPools()
  const view = new DataView(bytes.buffer)
  view.setUint32(view.getUint32(view.getUint32(0x2030, true), true), 0xffffffff, true)
  const { modules, damage } = readModulesAsFarAsPossible(open(bytes))
  expect(damage?.message).toMatch(/^name of driver 0 at offset .* has 0xffffffff characters/)
  expect(modules.loaded.map(({ baseName }) => baseName)).toEqual([
    '',
    'hal.dll',
    'storahci.sys',
    'dump_storahci.sys',
  ])
})

it('refuses secondary data that leaves the file', () => {
  const bytes = buildPools()
  new DataView(bytes.buffer).setUint32(bytes.length - 0x2c + 0x14, 0x1000, true)
  expect(() => readSecondaryData(open(bytes))).toThrow(/secondary data 0 at offset/)
})

it('says what is wrong with any damaged pool, and never anything else', () => {
  const whole = buildPools()
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.integer({ min: 0x1038, max: whole.length - 1 }), fc.integer({ min: 0, max: 255 })),
        {
          maxLength: 12,
        },
      ),
      fc.integer({ min: 0, max: 64 }),
      (edits, cut) => {
        const bytes = whole.slice(0, whole.length - cut)
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value
        for (const use of [
          () => open(bytes).virtual().read(gva(STACK), new Uint8Array(64)),
          () => readSecondaryData(open(bytes)),
          () => readModules(open(bytes)),
        ]) {
          try {
            use()
          } catch (error) {
            if (!(error instanceof DumpError)) throw error
          }
        }
      },
    ),
    { numRuns: 300 },
  )
})

// Facts as a walk of the same bytes in another language printed them.
describe.each([
  {
    name: 'triage_x64_19041.dmp',
    modules: 151,
    blocks: 1831,
    blobs: 20,
    prcb: [0xfffff804782d4180n, 0xaf00],
    thread: 0xffffc08bde9e1640n,
    stack: [0xffff850429890ee8n, 0x2118],
    lastBlob: '2B88B710-1C93-4F7C-B06C-655ECC50DECC',
  },
  {
    name: 'triage_arm64_22000.dmp',
    modules: 245,
    blocks: 679,
    blobs: 42,
    prcb: [0xfffff803efd00980n, 0x9680],
    thread: 0xffffbb8eb1719180n,
    stack: [0xffffe00e0e4bc4a0n, 0xb60],
    lastBlob: '2B88B710-1C93-4F7C-B06C-655ECC50DECC',
  },
])('the real minidump $name', (real) => {
  const file = sharedData(`dumps/${real.name}`)
  it.skipIf(file === null)('reads whole: every pool, every block in memory (needs shared/data)', () => {
    const source = new FileSource(file ?? '')
    const dump = openDump(source)
    const triage = dump.triage!
    expect(readModules(dump).loaded).toHaveLength(real.modules)
    expect(triage.blocks).toHaveLength(real.blocks)
    expect([triage.prcb?.address, triage.prcb?.byteLength]).toEqual(real.prcb)
    expect(triage.thread?.address).toBe(real.thread)
    expect([triage.callStack?.address, triage.callStack?.byteLength]).toEqual(real.stack)
    expect(triage.mm?.version).toBe(1)
    const space = dump.virtual()
    for (const block of triage.blocks) {
      const [inFile, inMemory] = [new Uint8Array(block.byteLength), new Uint8Array(block.byteLength)]
      source.read(block.offset, inFile)
      expect(space.read(block.address, inMemory)).toBe(block.byteLength)
      expect(Buffer.compare(inMemory, inFile)).toBe(0)
    }
    const blobs = readSecondaryData(dump)
    expect(blobs).toHaveLength(real.blobs)
    expect(blobs.at(-1)?.tag).toBe(real.lastBlob)
    source.close()
  })
})

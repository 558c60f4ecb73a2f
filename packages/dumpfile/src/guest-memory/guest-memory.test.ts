// RAM as hypervisors write it: flat and as an ELF core, sound, cut, damaged and of other formats.
import { type Gpa, gpa, MemorySource } from '@dumpstack/bytes'
import { buildElfCore, type ElfCoreRecipe } from '@dumpstack/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DumpError } from '../dump-error.ts'
import { openGuestMemory } from './open-guest-memory.ts'

const PAGE = 0x1000
/** Each page holds its number in every byte. */
const pages = (...numbers: number[]): Uint8Array => {
  const bytes = new Uint8Array(numbers.length * PAGE)
  for (const [index, number] of numbers.entries()) bytes.fill(number, index * PAGE, (index + 1) * PAGE)
  return bytes
}
/** Below the video memory, above it, above 4 GiB, and something at 56 TiB. */
const RECIPE: ElfCoreRecipe = {
  segments: [
    { gpa: 0, bytes: pages(1, 2) },
    { gpa: 0x1_0000_0000, bytes: pages(6, 7) },
    { gpa: 0x2000, bytes: pages(3) },
    { gpa: 0x10_0000, bytes: pages(4, 5) },
    { gpa: 0x3800_0000_0000, bytes: pages(8) },
  ],
}
const open = (bytes: Uint8Array) => openGuestMemory(new MemorySource(bytes))
const read = (bytes: Uint8Array, address: number, length: number): number[] => {
  const into = new Uint8Array(length)
  return [...into.subarray(0, open(bytes).read(gpa(address), into))]
}
const errorOf = (bytes: Uint8Array): string => {
  try {
    open(bytes)
  } catch (error) {
    if (error instanceof DumpError) return `${error.code} ${error.message}`
    throw error
  }
  return 'opened'
}

it.each([false, true])(
  'reads an ELF core by physical address (count of headers in section 0: %s)',
  (countInSection) => {
    const { bytes } = buildElfCore({ ...RECIPE, countInSection })
    const memory = open(bytes)
    expect(memory.format).toBe('ELF core')
    expect(memory.runs).toEqual([
      { basePage: 0, pageCount: 3 },
      { basePage: 0x100, pageCount: 2 },
      { basePage: 0x100000, pageCount: 2 },
      { basePage: 0x380000000, pageCount: 1 },
    ])
    expect(read(bytes, 0x1fff, 3)).toEqual([2, 3, 3])
    expect(read(bytes, 0x1_0000_0fff, 2)).toEqual([6, 7])
    expect(read(bytes, 0x2fff, 4)).toEqual([3])
    expect(read(bytes, 0x3000, 4)).toEqual([])
    expect(read(bytes, 0x3800_0000_0ffe, 4)).toEqual([8, 8])
  },
)

it('reads a flat file by its offsets', () => {
  const bytes = pages(1, 2, 3)
  expect(open(bytes)).toMatchObject({ format: 'raw', runs: [{ basePage: 0, pageCount: 3 }] })
  expect(read(bytes, 0x1fff, 2)).toEqual([2, 3])
  expect(read(bytes, 0x2fff, 2)).toEqual([3])
})

/** A core with one field of a program header changed. */
function changed(header: number, field: number, value: bigint): Uint8Array {
  const { bytes, headers } = buildElfCore(RECIPE)
  new DataView(bytes.buffer).setBigUint64(headers[header]! + field, value, true)
  return bytes
}
const OFFSET = 8
const PADDR = 24
const FILESZ = 32

it('takes segments that name the same bytes of the file for one, as cores with paging have them', () => {
  const { offsets } = buildElfCore(RECIPE)
  const bytes = changed(2, OFFSET, BigInt(offsets[0]! + PAGE))
  const view = new DataView(bytes.buffer)
  const { headers } = buildElfCore(RECIPE)
  view.setBigUint64(headers[2]! + PADDR, 0x1000n, true)
  view.setBigUint64(headers[2]! + FILESZ, 0x1000n, true)
  expect(open(bytes).runs[0]).toEqual({ basePage: 0, pageCount: 3 })
  expect(read(bytes, 0x1000, 1)).toEqual([2])
})

it('leaves out memory that is not in the file', () => {
  expect(open(changed(1, FILESZ, 0n)).runs[0]).toEqual({ basePage: 2, pageCount: 1 })
})

it.each([
  [
    'a segment that leaves the file',
    changed(2, FILESZ, 0x10_0000n),
    /^GUEST_MEMORY_TRUNCATED .* PT_LOAD for gpa 0x100000000 up to 0x1/,
  ],
  ['an offset near 2^64', changed(2, OFFSET, 2n ** 64n - 1n), /^GUEST_MEMORY_TRUNCATED /],
  [
    'a size near 2^64',
    changed(2, FILESZ, 2n ** 64n - 1n),
    /^GUEST_MEMORY_DAMAGED end of PT_LOAD for gpa 0x100000000 .* at most 0x10000000000000$/,
  ],
  ['an address that no processor has', changed(2, PADDR, 2n ** 63n), /^GUEST_MEMORY_DAMAGED end of PT_LOAD/],
  [
    'an address inside a page',
    changed(2, PADDR, 0x801n),
    /^GUEST_MEMORY_DAMAGED p_paddr .* is 0x801, expected whole pages$/,
  ],
  [
    'two contents of one page',
    changed(2, PADDR, 0x1000n),
    /^GUEST_MEMORY_DAMAGED two segments of the core hold gpa 0x1000, at file offsets 0x/,
  ],
  ['a cut', buildElfCore(RECIPE).bytes.subarray(0, -1), /^GUEST_MEMORY_TRUNCATED /],
  [
    'a cut in the program headers',
    buildElfCore(RECIPE).bytes.subarray(0, 100),
    /^GUEST_MEMORY_TRUNCATED .* program headers up to 0x/,
  ],
  [
    'a cut in the ELF header',
    buildElfCore(RECIPE).bytes.subarray(0, 40),
    /^GUEST_MEMORY_TRUNCATED .* ELF header up to 0x40/,
  ],
  [
    'no segment',
    buildElfCore({ segments: [] }).bytes,
    /^GUEST_MEMORY_DAMAGED number of PT_LOAD segments with bytes .* is 0x0/,
  ],
  [
    'an empty file',
    new Uint8Array(0),
    /^GUEST_MEMORY_TRUNCATED a flat file of guest memory ends at offset 0x0/,
  ],
  [
    'a flat file that ends inside a page',
    new Uint8Array(0x1800),
    /^GUEST_MEMORY_TRUNCATED .* at offset 0x1800, expected whole pages/,
  ],
])('refuses %s', (_name, bytes, message) => expect(errorOf(bytes)).toMatch(message))

it('refuses ELF files of other kinds by what they are', () => {
  for (const [at, value, message] of [
    [4, 1, 'an ELF file of class 1, data 1'],
    [5, 2, 'an ELF file of class 2, data 2'],
    [16, 2, 'an ELF file of type 2, expected a core (4)'],
  ] as const) {
    const { bytes } = buildElfCore(RECIPE)
    bytes[at] = value
    expect(errorOf(bytes)).toContain(`GUEST_MEMORY_FORMAT the file is ${message}`)
  }
})

it.each([
  ['KDUMP   ', 'a kdump-compressed core'],
  ['makedumpfile\0\0\0\0', 'a kdump-compressed core, flattened by makedumpfile'],
  ['PAGEDU64', 'a Windows crash dump'],
  ['LibvirtQemudSave', 'a saved domain of libvirt'],
  ['QEVM', 'a migration stream of QEMU'],
  ['\x1f\x8b', 'a gzip file'],
  ['QFI\xfb', 'a qcow2 disk image'],
])('refuses %j by its name, and says what to type', (start, name) => {
  const bytes = new Uint8Array(0x2000)
  bytes.set(Buffer.from(start, 'latin1'))
  expect(errorOf(bytes)).toContain(`GUEST_MEMORY_FORMAT the file is ${name}`)
  expect(errorOf(bytes)).toContain('dump-guest-memory FILE (no -z, -l, -s or -w)')
})

it('ends on damage with an error of its own, and reads what it opened within its file', () => {
  const change = fc.record({ at: fc.nat(64 + 6 * 56 - 1), value: fc.integer({ min: 0, max: 255 }) })
  const word = fc.record({
    at: fc.constantFrom(
      ...[32, 40, 54, 56, ...buildElfCore(RECIPE).headers.flatMap((at) => [at, at + 8, at + 24, at + 32])],
    ),
    value: fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(0n, 0x10000n)),
  })
  const address = fc.double({ min: 0, max: 2 ** 52, noNaN: true }).map((value) => Math.floor(value) as Gpa)
  let opened = 0
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 4 }),
      fc.array(word, { maxLength: 3 }),
      fc.option(fc.nat(0x9000)),
      address,
      (changes, words, length, place) => {
        const { bytes } = buildElfCore(RECIPE)
        const view = new DataView(bytes.buffer)
        for (const { at, value } of changes) bytes[at] = value
        for (const { at, value } of words) view.setBigUint64(at, value, true)
        const file = length === null ? bytes : bytes.subarray(0, length)
        const error = errorOf(file)
        expect(error).toMatch(/^(opened|GUEST_MEMORY_|DUMP_TOO_LARGE )/)
        if (error !== 'opened') return
        opened++
        const memory = open(file)
        for (const { basePage, pageCount } of memory.runs.slice(0, 4)) {
          expect(pageCount).toBeLessThanOrEqual(file.byteLength / PAGE)
          expect(memory.read(gpa(basePage * PAGE), new Uint8Array(PAGE))).toBe(PAGE)
        }
        expect(memory.read(place, new Uint8Array(PAGE))).toBeLessThanOrEqual(PAGE)
      },
    ),
    { numRuns: 2000 },
  )
  expect(opened).toBeGreaterThan(100)
})

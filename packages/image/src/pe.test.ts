import { gva } from '@dumpstack/bytes'
import { buildPe } from '@dumpstack/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ImageError } from './errors.ts'
import { frameLayout } from './frame-layout.ts'
import { mapPe } from './map.ts'
import { openMappedImage } from './mapped-image.ts'
import { parsePe } from './pe.ts'

const GUID = Uint8Array.from([0x67, 0x45, 0x23, 0x01, 0xab, 0x89, 0xef, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8])
const text = new Uint8Array(0x300).fill(0x90)
const stored = new Uint8Array(0x40)
new DataView(stored.buffer).setBigUint64(0x10, 0x140001000n, true)
new DataView(stored.buffer).setBigUint64(0x38, 0x140002020n, true)

const whole = (): Uint8Array =>
  buildPe({
    sections: [
      { name: '.text', bytes: text },
      { name: '.data', bytes: stored, virtualSize: 0x2345 },
    ],
    timeDateStamp: 0x5eafc0de,
    checkSum: 0x1234,
    entryPoint: 0x1080,
    exports: { KeBugCheckEx: 0x1100, KdDebuggerDataBlock: 0x2010, Aardvark: 0x1000 },
    forwarders: { HalOld: 'ntoskrnl.HalNew' },
    imports: { 'ntoskrnl.exe': ['DbgPrint', 'KeBugCheckEx'], 'storport.sys': [17] },
    relocations: [0x2010, 0x2038],
    fileVersion: [100, 93, 104, 24000],
    rsds: { guid: GUID, age: 3, path: 'C:\\ä\\ntkrnlmp.pdb' },
    functions: [
      // push rbx; sub rsp, 0x28
      { begin: 0x1100, end: 0x1180, unwind: Uint8Array.from([1, 5, 2, 0, 5, 0x42, 1, 0x30]) },
    ],
  })

describe('parsePe', () => {
  const image = parsePe(whole())

  it('reads headers and sections', () => {
    expect(image).toMatchObject({
      machine: 0x8664,
      timeDateStamp: 0x5eafc0de,
      checkSum: 0x1234,
      entryPointRva: 0x1080,
      preferredBase: 0x140000000n,
    })
    expect(image.sections.slice(0, 2).map(({ name, rva, virtualSize }) => [name, rva, virtualSize])).toEqual([
      ['.text', 0x1000, 0x300],
      ['.data', 0x2000, 0x2345],
    ])
    expect(image.sizeOfImage % 0x1000).toBe(0)
  })

  it('reads the version of the file, and takes a damaged one for none', () => {
    expect(image.fileVersion).toBe('100.93.104.24000')
    const { fileOffset } = image.sections.find(({ name }) => name === '.rsrc')!
    for (const at of [0x10, 0x14, 0x48, 0x80]) {
      const damaged = whole()
      damaged.fill(0xff, fileOffset + at, fileOffset + at + 4)
      expect(parsePe(damaged).fileVersion).toBeNull()
    }
    expect(parsePe(buildPe({ sections: [{ name: '.text', bytes: text }] })).fileVersion).toBeNull()
  })

  it('finds exports through the ordinal table and keeps forwarders apart', () => {
    expect([...image.exports]).toEqual([
      ['Aardvark', 0x1000],
      ['KdDebuggerDataBlock', 0x2010],
      ['KeBugCheckEx', 0x1100],
    ])
    expect([...image.forwarders]).toEqual([['HalOld', 'ntoskrnl.HalNew']])
  })

  it('lists imports with the place of their address, ordinals as #n', () => {
    expect(image.imports.map(({ dll, names }) => [dll, names.map((entry) => entry.name)])).toEqual([
      ['ntoskrnl.exe', ['DbgPrint', 'KeBugCheckEx']],
      ['storport.sys', ['#17']],
    ])
    const [first, second] = image.imports[0]!.names
    expect(second!.iatRva - first!.iatRva).toBe(8)
  })

  it('reads relocations and the PDB identity', () => {
    expect(image.relocations).toEqual([0x2010, 0x2038])
    expect(image.rsds).toEqual({
      guid: '0123456789ABCDEF0102030405060708',
      age: 3,
      path: 'C:\\ä\\ntkrnlmp.pdb',
    })
  })

  it('finds the function of an address by its first and last byte only', () => {
    expect(image.findFunction(0x10ff)).toBeNull()
    expect(image.findFunction(0x1100)?.endRva).toBe(0x1180)
    expect(image.findFunction(0x117f)?.beginRva).toBe(0x1100)
    expect(image.findFunction(0x1180)).toBeNull()
  })
})

describe('mapPe', () => {
  it('places sections, moves addresses by the distance and leaves imports alone', () => {
    const image = parsePe(whole())
    const memory = mapPe(image, gva(0xfffff80312340000n))
    const view = new DataView(memory.buffer)
    expect(memory.length).toBe(image.sizeOfImage)
    expect(view.getBigUint64(0x2010, true)).toBe(0xfffff80312341000n)
    expect(view.getBigUint64(0x2038, true)).toBe(0xfffff80312342020n)
    expect(memory[0x10ff]).toBe(0x90)
    expect(memory.subarray(0x2040, 0x4345).every((byte) => byte === 0)).toBe(true)
    expect(view.getBigUint64(image.imageBaseOffset, true)).toBe(0xfffff80312340000n)
  })

  it('gives the bytes of the file at the preferred base', () => {
    const image = parsePe(whole())
    const view = new DataView(mapPe(image, image.preferredBase).buffer)
    expect(view.getBigUint64(0x2010, true)).toBe(0x140001000n)
  })

  it('refuses a base inside a page and an image that cannot move', () => {
    const image = parsePe(whole())
    expect(() => mapPe(image, gva(0xfffff80312340800n))).toThrow(/not a multiple of 0x1000/)
    const fixed = parsePe(buildPe({ sections: [{ name: '.text', bytes: text }] }))
    expect(() => mapPe(fixed, gva(0xfffff80312340000n))).toThrow(/has no relocations/)
  })
})

describe('what genuine drivers have', () => {
  it.each([0x20, 0x80])('reads and maps an image whose sections are aligned to %i bytes', (alignment) => {
    const bytes = buildPe({
      alignment,
      preferredBase: 0x10000n,
      sections: [
        { name: '.text', bytes: new Uint8Array(0x90).fill(0xc3) },
        { name: '.data', bytes: new Uint8Array(0x45).fill(7) },
      ],
      relocations: [0x400],
    })
    const image = parsePe(bytes)
    expect(image.sizeOfImage % 0x1000).not.toBe(0)
    expect(image.sections.map(({ rva, fileOffset }) => rva - fileOffset)).toEqual([0, 0, 0])
    const memory = mapPe(image, gva(0x10000n))
    expect(memory).toHaveLength(image.sizeOfImage)
    expect(memory[image.sections[1]!.rva + 0x44]).toBe(7)
  })

  it('passes over RUNTIME_FUNCTIONs without a byte, wherever they lie', () => {
    const unwind = Uint8Array.of(1, 0, 0, 0)
    const bytes = buildPe({
      sections: [{ name: '.text', bytes: new Uint8Array(0x100) }],
      functions: [
        { begin: 0x1000, end: 0x1020, unwind },
        { begin: 0x1010, end: 0x1010, unwind },
        { begin: 0x1020, end: 0x1040, unwind },
        { begin: 0, end: 0, unwind: 0 },
      ],
    })
    const image = parsePe(bytes)
    expect(image.runtimeFunctions.map(({ beginRva }) => beginRva)).toEqual([0x1000, 0x1020])
    expect(image.findFunction(0x1030)?.beginRva).toBe(0x1020)
    const memory = mapPe(image, gva(0x140000000n))
    const mapped = openMappedImage((rva, into) => {
      into.set(memory.subarray(rva, rva + into.byteLength))
      return Math.max(0, Math.min(into.byteLength, memory.byteLength - rva))
    })
    for (const [rva, begin] of [
      [0x1005, 0x1000],
      [0x1030, 0x1020],
      [0x1050, null],
    ] as const) {
      expect(mapped.findFunction(rva)?.beginRva ?? null).toBe(begin)
    }
  })
})

describe('damage', () => {
  const cases: [name: string, damage: (file: Uint8Array, view: DataView) => unknown, message: RegExp][] = [
    ['an empty file', () => new Uint8Array(0), /DOS header needs 0x40 bytes at file offset 0x0/],
    ['no MZ', (file) => file.fill(0, 0, 2), /DOS signature at file offset 0x0 is 0x0, expected 0x5a4d/],
    ['header past the end', (_, view) => view.setUint32(0x3c, 0x7fffffff, true), /file header needs/],
    ['no PE', (file) => file.fill(0, 0x80, 0x84), /PE signature at file offset 0x80/],
    [
      'a 32-bit machine',
      (_, view) => view.setUint16(0x84, 0x14c, true),
      /image is for x86, expected one for x64/,
    ],
    ['a huge image', (_, view) => view.setUint32(0x98 + 0x38, 0xfffff000, true), /SizeOfImage is 0xfffff000/],
    ['no image', (_, view) => view.setUint32(0x98 + 0x38, 0, true), /SizeOfImage is 0x0/],
    ['a cut file', (file) => file.subarray(0, 0x500), /has bytes up to file offset/],
    [
      'overlapping sections',
      (_, view) => view.setUint32(0x188 + 40 + 12, 0x1000, true),
      /section header 1 covers/,
    ],
    ['exports elsewhere', (_, view) => view.setUint32(0x98 + 0x70, 0x99990, true), /export directory needs/],
  ]
  it.each(cases)('is named: %s', (_, damage, message) => {
    const file = whole()
    const result = damage(file, new DataView(file.buffer))
    const damaged = result instanceof Uint8Array && result.length < file.length ? result : file
    expect(() => parsePe(damaged)).toThrow(message)
    expect(() => parsePe(damaged)).toThrow(ImageError)
  })

  const intact = whole()
  const damage = fc.array(
    fc.tuple(fc.integer({ min: 0, max: intact.length - 1 }), fc.integer({ min: 0, max: 255 })),
    { minLength: 1, maxLength: 12 },
  )
  // Header and tables lie at the start and the end; a uniform choice would mostly hit code.
  const headerDamage = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 0x3ff }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
    { minLength: 1, maxLength: 6 },
  )
  it('raises only our errors, whatever the bytes', () => {
    let refused = 0
    fc.assert(
      fc.property(
        fc.oneof(damage, headerDamage),
        fc.nat(intact.length),
        fc.boolean(),
        (changes, cut, isCut) => {
          const file = intact.slice(0, isCut ? cut : undefined)
          for (const [at, value] of changes) if (at < file.length) file[at] = value
          try {
            const image = parsePe(file)
            mapPe(image, gva(0xfffff80000000000n))
            for (const entry of image.runtimeFunctions) frameLayout(image, entry.beginRva)
          } catch (error) {
            if (!(error instanceof ImageError)) throw error
            refused++
          }
        },
      ),
      { numRuns: 500 },
    )
    expect(refused).toBeGreaterThan(50)
  })
})

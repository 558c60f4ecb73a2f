// PDBs made for one question each: identity, addresses, types, and what a reader must refuse.
import { type ByteSource, MemorySource } from '@dumpstack/bytes'
import { ByteWriter, buildMsf, buildPdb, type PdbRecipe } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { constantAt } from './numeric-leaf.ts'
import { PdbFile } from './pdb-file.ts'
import { StreamBytes } from './stream-bytes.ts'
import { publicAt } from './symbol-records.ts'
import { unreadRecords } from './unread-records.ts'

const open = (recipe: PdbRecipe): PdbFile => new PdbFile(new MemorySource(buildPdb(recipe)), 'test.pdb')
const openBytes = (bytes: Uint8Array): PdbFile => new PdbFile(new MemorySource(bytes), 'test.pdb')
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0))

const code = (code: string, message?: string): object =>
  expect.objectContaining({
    code,
    ...(message !== undefined && { message: expect.stringContaining(message) }),
  })

describe('identity', () => {
  it('is the GUID as stores write it, and the age of the debug information', () => {
    const pdb = open({ guid: '5278AFF86C341677D7D7835C85B7B844', age: 7, dbiAge: 2 })
    expect(pdb.identity).toEqual({ guid: '5278AFF86C341677D7D7835C85B7B844', age: 2 })
    expect(pdb.info.age).toBe(7)
  })

  it('counts the age of the info stream where that of the debug information was not written', () => {
    expect(open({ age: 7, dbiAge: 0 }).identity.age).toBe(7)
  })

  const rest = '\0'.repeat(64)
  it.each([
    ['a portable PDB (.NET metadata)', `BSJB\x01\0\x01\0${rest}`],
    ['a PDB 2.00', `Microsoft C/C++ program database 2.00\r\n\x1aJG${rest}`],
    ['a cabinet', `MSCF${rest}`],
    ['an image', `MZ${rest}`],
    ['HTML', '<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>'],
    ['the first bytes of a PDB', 'Microsoft C/C++ MSF 7.00'],
    ['nothing: it is empty', ''],
    ['bytes of no known kind', 'x'.repeat(100)],
  ])('is refused by name to %s', (found, text) => {
    expect(() => openBytes(bytesOf(text))).toThrow(code('SYMBOLS_NOT_A_PDB', found))
  })

  it('says that a download stopped', () => {
    const whole = buildPdb({})
    expect(() => openBytes(whole.subarray(0, whole.length - 512))).toThrow(
      code('SYMBOLS_TRUNCATED', 'test.pdb'),
    )
  })
})

describe('streams', () => {
  it('reads no more than directory, info and debug information to open', () => {
    const bytes = buildPdb({ publics: manyPublics(2000) })
    let read = 0
    const source: ByteSource = {
      byteLength: bytes.length,
      read(offset, into) {
        read += into.length
        return new MemorySource(bytes).read(offset, into)
      },
    }
    const pdb = new PdbFile(source, 'test.pdb')
    expect(pdb.identity.age).toBe(1)
    expect(read).toBeLessThan(bytes.length / 20)
  })

  it('finds a directory of several blocks, and streams whose blocks lie backwards', () => {
    const pdb = open({ publics: manyPublics(6000), blockSize: 512 })
    expect(pdb.msf.numBlocks).toBeGreaterThan(256)
    expect([...pdb.symbols()].length).toBe(6000)
  })

  it('takes no memory for a stream of a file of holes', () => {
    const whole = buildMsf([], 0x10000)
    const view = new DataView(whole.buffer)
    const gigabytes = 3 * 0x4000_0000
    const directoryAt = 4 * 0x10000
    // Stream 1 has 3 GB: the numbers of its blocks fill the directory.
    const blocks = gigabytes / 0x10000
    const directory = new Uint8Array(0x10000 * 4)
    const numbers = new DataView(directory.buffer)
    for (const [i, value] of [2, 0, gigabytes].entries()) numbers.setUint32(i * 4, value, true)
    for (let i = 0; i < blocks; i++) numbers.setUint32(12 + i * 4, 16 + i, true)
    view.setUint32(0x28, blocks + 100, true)
    view.setUint32(0x2c, 12 + blocks * 4, true)
    for (let i = 0; i < 4; i++) view.setUint32(3 * 0x10000 + i * 4, 4 + i, true)
    const source: ByteSource = {
      byteLength: (blocks + 100) * 0x10000,
      read(offset, into) {
        into.fill(0)
        const from = offset >= directoryAt && offset < directoryAt + directory.length ? directory : whole
        const at = from === directory ? offset - directoryAt : offset
        into.set(from.subarray(at, at + into.length))
        return into.length
      },
    }
    expect(() => new PdbFile(source, 'holes.pdb')).toThrow(
      code('SYMBOLS_TOO_LARGE', 'the PDB info stream has 0xc0000000 bytes'),
    )
  })

  it('refuses streams that are larger together than the file', () => {
    const bytes = buildMsf([new Uint8Array(), new Uint8Array(600), new Uint8Array(600)], 512)
    const view = new DataView(bytes.buffer)
    // Block 3 is the list, block 4 the directory: the size of stream 2 is its fourth number.
    expect(view.getUint32(4 * 512 + 12, true)).toBe(600)
    view.setUint32(4 * 512 + 12, 600 * 512, true)
    expect(() => openBytes(bytes)).toThrow(code('SYMBOLS_DAMAGED', 'stream 2'))
  })
})

describe('addresses', () => {
  const publics = [
    { name: 'KeBugCheckEx', segment: 1, offset: 0x20 },
    { name: 'KeBugCheck', segment: 1, offset: 0x10 },
    { name: 'NtBuildNumber', segment: 2, offset: 0x8 },
    { name: '__guard_flags', segment: 3, offset: 0x100 },
  ]
  const sections = [
    { rva: 0x1000, size: 0x1000 },
    { rva: 0x4000, size: 0x1000 },
  ]

  it.each([
    [0x1010, 'KeBugCheck', 0],
    [0x101f, 'KeBugCheck', 0xf],
    [0x1020, 'KeBugCheckEx', 0],
    [0x4007, 'KeBugCheckEx', 0x2fe7],
    [0x4008, 'NtBuildNumber', 0],
    [0xffffffff, 'NtBuildNumber', 0xffffffff - 0x4008],
  ])('finds the symbol at or below address %i', (rva, name, displacement) => {
    expect(open({ publics, sections }).near(rva)).toMatchObject({ name, displacement, kind: 'public' })
  })

  it('finds nothing below the first symbol, and no address for what is in no section', () => {
    const pdb = open({ publics, sections })
    expect(pdb.near(0x100f)).toBeNull()
    expect(pdb.byName('__guard_flags')).toBeNull()
    expect([...pdb.publics!].length).toBe(4)
  })

  it('finds names in their own case, else in another', () => {
    const pdb = open({ publics: [...publics, { name: 'kebugcheck', segment: 1, offset: 0x90 }], sections })
    expect(pdb.byName('KeBugCheck')?.rva).toBe(0x1010)
    expect(pdb.byName('kebugcheck')?.rva).toBe(0x1090)
    expect(pdb.byName('KEBUGCHECKEX')?.rva).toBe(0x1020)
    expect(pdb.byName('KeBugCheckEy')).toBeNull()
  })

  it('names what is left of a function whose first byte was removed', () => {
    const pdb = open({
      publics,
      sections,
      omap: {
        fromSource: [
          [0x1000, 0x80000000],
          [0x1014, 0x3014],
        ],
        toSource: [
          [0x1000, 0xffffffff],
          [0x3014, 0x1014],
        ],
      },
    })
    expect(pdb.near(0x3018)).toEqual({ name: 'KeBugCheck', rva: 0x3010, kind: 'public', displacement: 8 })
    expect(pdb.near(0x1018)).toBeNull()
    expect(pdb.byName('KeBugCheck')).toBeNull()
  })

  it('follows parts of an image that were moved after linking', () => {
    // 0x1000..0x101f went to 0x3000, 0x1020 stayed, 0x4000.. was removed.
    const pdb = open({
      publics,
      sections,
      omap: {
        fromSource: [
          [0x1000, 0x3000],
          [0x1020, 0x1020],
          [0x4000, 0],
        ],
        toSource: [
          [0x1020, 0x1020],
          [0x3000, 0x1000],
          [0x3020, 0],
        ],
      },
    })
    expect(pdb.byName('KeBugCheck')?.rva).toBe(0x3010)
    expect(pdb.near(0x3018)).toEqual({ name: 'KeBugCheck', rva: 0x3010, kind: 'public', displacement: 8 })
    expect(pdb.near(0x1028)).toMatchObject({ name: 'KeBugCheckEx', rva: 0x1020, displacement: 8 })
    expect(pdb.byName('NtBuildNumber')).toBeNull()
    expect(pdb.near(0x3020)).toBeNull()
  })
})

describe('pieces of the image', () => {
  const module = (name: string, offset: number, size: number, ...pieces: [number, number][]) => ({
    name,
    procedures: [{ name, segment: 1, offset, size }],
    contributions: pieces.map(([at, length]) => ({ segment: 1, offset: at, size: length })),
  })
  // outer: 0x0..0x40, in it inner: 0x10..0x20, in that innermost: 0x14..0x16; tail overlaps the end of outer: 0x38..0x50.
  const modules = [
    module('outer', 0, 0x40, [0, 0x40]),
    module('inner', 0x10, 0x10, [0x10, 0x10]),
    module('innermost', 0x14, 2, [0x14, 2], [0x30, 0]),
    module('tail', 0x38, 0x18, [0x38, 0x18]),
    module('alike', 0x100, 0x10, [0x100, 0x20]),
    module('within', 0x100, 0x10, [0x100, 0x10]),
  ]

  it.each([
    [0x0, 'outer'],
    [0xf, 'outer'],
    [0x10, 'inner'],
    [0x14, 'innermost'],
    [0x16, 'inner'],
    [0x1f, 'inner'],
    [0x20, 'outer'],
    [0x30, 'outer'],
    [0x37, 'outer'],
    [0x38, 'tail'],
    [0x4f, 'tail'],
    [0x50, null],
    [0x100, 'within'],
    [0x110, 'alike'],
    [0x120, null],
  ])('belong to the innermost that holds an address: %i', (offset, owner) => {
    for (const order of [modules, [...modules].reverse()]) {
      const pdb = open({ modules: order })
      expect(pdb.modules.list[pdb.modules.moduleAt(0x1000 + offset)]?.name ?? null).toBe(owner)
    }
  })

  it('lets the function around a piece of another module keep its name after that piece', () => {
    const pdb = open({ modules })
    expect(pdb.near(0x1022)).toMatchObject({ name: 'outer', displacement: 0x22 })
    expect(pdb.procedureAt(0x1016)?.name).toBe('inner')
  })
})

describe('a PDB without section headers', () => {
  const publics = [{ name: 'Second', segment: 2, offset: 0x10 }]
  const sections = [{ rva: 0x1000 }, { rva: 0x5000 }]

  it('has identity and names, and no addresses', () => {
    const pdb = open({ publics, withoutSectionHeaders: true })
    expect([pdb.hasSections, pdb.publics!.length]).toEqual([false, 1])
    expect(() => pdb.near(0x5010)).toThrow(code('SYMBOLS_NO_ADDRESSES', 'test.pdb'))
  })

  it('takes those of its image', () => {
    const pdb = open({ publics, withoutSectionHeaders: true })
    pdb.useSections(sections)
    expect(pdb.near(0x5018)).toMatchObject({ name: 'Second', rva: 0x5010, displacement: 8 })
    expect(pdb.byName('Second')?.rva).toBe(0x5010)
  })

  it('keeps its own where it has them', () => {
    const pdb = open({
      publics,
      sections: [
        { rva: 0x1000, size: 0x1000 },
        { rva: 0x2000, size: 0x1000 },
      ],
    })
    pdb.useSections(sections)
    expect(pdb.byName('Second')?.rva).toBe(0x2010)
  })
})

describe('what is not read', () => {
  const unknown = (kind: number): Uint8Array => new ByteWriter().u16(kind).u32(0, 0).text('X').done()

  it('is counted by part and kind, and everything else is read', () => {
    const pdb = open({
      publics: [{ name: 'Public', segment: 1, offset: 0 }],
      types: [
        unknown(0x160f),
        unknown(0x160f),
        new ByteWriter().u16(0x1203, 0x15ee, 0).u32(0).done(),
        new ByteWriter().u16(0x1203, 0x1502, 3).u16(1).text('One').done(),
      ],
      otherSymbols: [unknown(0x117f)],
      modules: [
        {
          name: 'a.obj',
          procedures: [{ name: 'f', segment: 1, offset: 0x10, size: 4 }],
          otherSymbols: [unknown(0x1180), unknown(0x1019), unknown(0x1180)],
          subsections: [
            [0xf3, new Uint8Array(4)],
            [0x123, new Uint8Array(8)],
            [0x80000123, new Uint8Array(8)],
          ],
        },
      ],
    })
    expect(unreadRecords(pdb)).toEqual({
      records: [
        { part: 'types', kind: 0x160f, count: 2 },
        { part: 'fields', kind: 0x15ee, count: 1 },
        { part: 'globals', kind: 0x117f, count: 1 },
        { part: 'symbols', kind: 0x1180, count: 2 },
        { part: 'subsections', kind: 0x123, count: 1 },
      ],
      refused: [],
    })
    expect(pdb.missingTypes()).toBe('records that are not read: 2 types of kind 0x160f')
    expect(pdb.byName('Public')?.rva).toBe(0x1000)
    expect(() => pdb.types.sizeOf(0x1000)).toThrow(code('SYMBOLS_UNSUPPORTED', 'leaf 0x160f'))
    expect(() => [...pdb.types.fields(0x1002)]).toThrow(code('SYMBOLS_UNSUPPORTED', 'field of kind 0x15ee'))
  })

  it('is nothing in a PDB of known records', () => {
    expect(unreadRecords(open({ types: [new ByteWriter().u16(0x1002).u32(0x74, 0x1000c).done()] }))).toEqual({
      records: [],
      refused: [],
    })
  })

  it('is a version of types or ids, which does not take identity and publics with it', () => {
    const pdb = open({
      publics: [{ name: 'Public', segment: 1, offset: 0 }],
      tpiVersion: 19961031,
      types: [unknown(0x1505)],
      ipiVersion: 19990903 + 1,
    })
    expect(unreadRecords(pdb)).toEqual({
      records: [],
      refused: [
        { part: 'types', why: expect.stringContaining('version is 19961031') },
        { part: 'fields', why: expect.stringContaining('version is 19961031') },
        { part: 'ids', why: expect.stringContaining('version is 19990904') },
      ],
    })
    expect(pdb.near(0x1004)).toMatchObject({ name: 'Public' })
  })

  it('is not the version of Windows XP, nor its publics, whose names are led by their length', () => {
    const name = [...new TextEncoder().encode('Old')]
    const publicOfXp = new ByteWriter()
      .u16(0x1009)
      .u32(2, 0x20)
      .u16(1)
      .u8(name.length, ...name)
      .done()
    const pdb = open({ tpiVersion: 19990903, types: [unknown(0x1005)], otherSymbols: [publicOfXp] })
    expect(pdb.types.records.length).toBe(1)
    expect(pdb.missingTypes()).toBe('records that are not read: 1 type of kind 0x1005')
    expect(publicAt(pdb.symbolRecords!, 0)).toEqual({ name: 'Old', segment: 1, offset: 0x20, flags: 2 })
    expect(unreadRecords(pdb).records).toEqual([{ part: 'types', kind: 0x1005, count: 1 }])
  })
})

describe('constants', () => {
  const constant = (number: (writer: ByteWriter) => ByteWriter): Uint8Array =>
    number(new ByteWriter().u16(0x1107).u32(0x74)).text('K').done()
  it.each<[string, (writer: ByteWriter) => ByteWriter, bigint | null]>([
    ['a small number', (w) => w.u16(0x7fff), 0x7fffn],
    ['a negative one', (w) => w.u16(0x8001, 0xfffe), -2n],
    ['16 bytes', (w) => w.u16(0x8018).u32(1, 0, 2, 0), (2n << 64n) + 1n],
    ['a floating-point number', (w) => w.u16(0x8006).u32(0, 0x3ff00000), null],
    ['one of 10 bytes', (w) => w.u16(0x8007).u32(0, 0).u16(0x3fff), null],
  ])('are read past %s', (_, number, value) => {
    const stream = new StreamBytes('records', constant(number))
    const found = constantAt(stream, 6)
    expect(found.value).toBe(value)
    expect(stream.text(found.end, found.end + 1)).toBe('K')
  })
})

describe('types', () => {
  const forward = (name: string): Uint8Array => structure(name, 0x80, 0, 0)
  const structure = (name: string, properties: number, fieldList: number, size: number): Uint8Array =>
    new ByteWriter().u16(0x1505, 1, properties).u32(fieldList, 0, 0).u16(size).text(name).done()
  const member = (type: number, offset: number, name: string): Uint8Array => {
    const field = new ByteWriter().u16(0x150d, 3).u32(type).u16(offset).text(name)
    while (field.length % 4 !== 0) field.u8(0xf0 + 4 - (field.length % 4))
    return field.done()
  }
  const fieldList = (...fields: Uint8Array[]): Uint8Array =>
    fields.reduce((list, field) => list.append(field), new ByteWriter().u16(0x1203)).done()
  const goesOnIn = (list: number): Uint8Array => new ByteWriter().u16(0x1404, 0).u32(list).done()
  const pointer = (type: number): Uint8Array => new ByteWriter().u16(0x1002).u32(type, 0x1000c).done()
  const modifier = (type: number): Uint8Array => new ByteWriter().u16(0x1001).u32(type).u16(1).done()

  it.each([undefined, 1, 2, 64])(
    'resolves a forward reference to its definition (checkpoint every %s)',
    (every) => {
      const pdb = open({
        types: [
          forward('_LIST_ENTRY'),
          pointer(0x1000),
          fieldList(member(0x1001, 0, 'Flink'), member(0x1001, 8, 'Blink')),
          structure('_LIST_ENTRY', 0, 0x1002, 16),
        ],
        ...(every !== undefined && { checkpointEvery: every }),
      })
      const fields = [
        { name: 'Flink', offset: 0, type: 0x1001 },
        { name: 'Blink', offset: 8, type: 0x1001 },
      ]
      expect(pdb.typeByName('_LIST_ENTRY')).toEqual({ kind: 'struct', name: '_LIST_ENTRY', size: 16, fields })
      expect(pdb.resolve(0x1001)).toEqual({ kind: 'pointer', size: 8, target: 0x1000 })
      expect(pdb.resolve(0x1000)).toEqual(pdb.typeByName('_LIST_ENTRY'))
      expect(pdb.types.nameOf(0x1001)).toBe('_LIST_ENTRY*')
    },
  )

  it('reads a list of fields that goes on in another record', () => {
    const pdb = open({
      types: [
        fieldList(member(0x74, 4, 'b')),
        fieldList(member(0x74, 0, 'a'), goesOnIn(0x1000)),
        structure('S', 0, 0x1001, 8),
      ],
    })
    expect(pdb.typeByName('S')).toMatchObject({ fields: [{ name: 'a' }, { name: 'b' }] })
  })

  it.each([
    ['class', 0x1608, true],
    ['struct', 0x1609, true],
    ['union', 0x160a, false],
    ['class', 0x160b, true],
  ])('reads the newer record of a %s (%i)', (kind, leaf, isClass) => {
    const record = (properties: number, list: number, count: number[], size: number[]): Uint8Array =>
      new ByteWriter()
        .u16(leaf)
        .u32(properties, list, ...(isClass ? [0, 0] : []))
        .u16(...count, ...size)
        .text('_NEW')
        .text('.?AU_NEW@@')
        .done()
    const pdb = open({
      types: [
        record(0x10280, 0, [0], [0]),
        fieldList(member(0x74, 0, 'first'), member(0x74, 4, 'second')),
        // A count and a size that need more than 15 bits.
        record(0x10200, 0x1001, [0x8004, 0x0000, 0x0001], [0x8002, 0x9000]),
        pointer(0x1000),
      ],
    })
    expect(pdb.typeByName('_NEW')).toMatchObject({
      kind,
      size: 0x9000,
      fields: [
        { name: 'first', offset: 0 },
        { name: 'second', offset: 4 },
      ],
    })
    expect(pdb.resolve(0x1000)).toEqual(pdb.typeByName('_NEW'))
    expect(pdb.types.userTypeAt(0x1002)?.uniqueName).toBe('.?AU_NEW@@')
    expect(unreadRecords(pdb).records).toEqual([])
  })

  it('shows const and volatile types as what they are', () => {
    const pdb = open({ types: [modifier(0x22), pointer(0x1000)] })
    expect(pdb.resolve(0x1000)).toMatchObject({ name: 'unsigned long', size: 4 })
    expect(pdb.types.nameOf(0x1001)).toBe('const unsigned long*')
  })

  it('ends where lists or types lead in circles', () => {
    const lists = open({
      types: [fieldList(goesOnIn(0x1001)), fieldList(goesOnIn(0x1000)), structure('S', 0, 0x1000, 8)],
    })
    expect(() => lists.typeByName('S')).toThrow(
      code('SYMBOLS_DAMAGED', 'field list 0x1000 goes on in itself'),
    )
    const modifiers = open({ types: [modifier(0x1001), modifier(0x1000), pointer(0x1002)] })
    expect(() => modifiers.resolve(0x1000)).toThrow(code('SYMBOLS_DAMAGED', 'refers to others'))
    expect(() => modifiers.types.sizeOf(0x1000)).toThrow(code('SYMBOLS_DAMAGED', 'refers to others'))
    expect(() => modifiers.types.nameOf(0x1002)).toThrow(code('SYMBOLS_DAMAGED', 'refers to others'))
  })

  it('names a type that is not there', () => {
    expect(() => open({ types: [pointer(0x2000)] }).resolve(0x2000)).toThrow(
      code('SYMBOLS_DAMAGED', 'index 0x2000 is named, there are 0x1000 to 0x1001'),
    )
  })
})

function manyPublics(count: number): { name: string; segment: number; offset: number }[] {
  return Array.from({ length: count }, (_, i) => ({ name: `NtPublic${i}`, segment: 1, offset: i * 16 }))
}

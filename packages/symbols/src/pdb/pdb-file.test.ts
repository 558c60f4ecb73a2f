// PDBs made for one question each: identity, addresses, types, and what a reader must refuse.
import { type ByteSource, MemorySource } from '@dumpstack/bytes'
import { ByteWriter, buildMsf, buildPdb, type PdbRecipe } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { PdbFile } from './pdb-file.ts'

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

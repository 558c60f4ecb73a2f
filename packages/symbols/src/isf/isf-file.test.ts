// The published table of ntkrnlmp.pdb 19041 (volatility foundation), and tables written here by hand.

import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { sharedData } from '@dumpstack/testkit/node'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SymbolsError } from '../errors.ts'
import type { SymbolType } from '../symbol-file.ts'
import { IsfFile } from './isf-file.ts'
import { openIsf } from './open-isf.ts'

type Structure = Extract<SymbolType, { kind: 'struct' | 'union' | 'class' }>
function structure(file: IsfFile, name: string): Structure {
  const type = file.typeByName(name)
  if (type === null || !('fields' in type)) throw new Error(`${name} is not a structure`)
  return type
}
function field(file: IsfFile, structureName: string, name: string): { offset: number; type: SymbolType } {
  const found = structure(file, structureName).fields.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`${structureName} has no ${name}`)
  return { offset: found.offset, type: file.resolve(found.type) }
}

const real = sharedData('isf/5278AFF86C341677D7D7835C85B7B844-1.json.xz')

describe.skipIf(real === null)('the 19041 kernel in shared/data/isf', () => {
  const packed = real === null ? new Uint8Array() : readFileSync(real)
  const opened = real === null ? null : openIsf(packed, 'nt')
  const nt = async () => (await opened) as IsfFile // tests below are skipped without it

  it('is the table of ntkrnlmp.pdb with the identity of its file name', async () => {
    const file = await nt()
    expect(file.identity).toEqual({ guid: '5278AFF86C341677D7D7835C85B7B844', age: 1 })
    expect(file.pdbName).toBe('ntkrnlmp.pdb')
  })

  // Offsets: Vergilius Project, Windows 10 20H1 x64; each is also seen in the real triage dump of this build.
  it.each([
    ['_EPROCESS', 'UniqueProcessId', 0x440],
    ['_EPROCESS', 'ActiveProcessLinks', 0x448],
    ['_EPROCESS', 'ImageFileName', 0x5a8],
    ['_KPROCESS', 'DirectoryTableBase', 0x28],
    ['_ETHREAD', 'ThreadListEntry', 0x4e8],
    ['_ETHREAD', 'Cid', 0x478],
    ['_DRIVER_OBJECT', 'DriverStart', 0x18],
    ['_KPCR', 'Prcb', 0x180],
  ])('has %s.%s at its documented offset', async (name, member, offset) => {
    expect(field(await nt(), name, member).offset).toBe(offset)
  })

  it('gives sizes, arrays, pointers, nested structures and unions', async () => {
    const file = await nt()
    expect(structure(file, '_EPROCESS')).toMatchObject({ kind: 'struct', size: 0xa40 })
    const name = field(file, '_EPROCESS', 'ImageFileName').type
    expect(name).toMatchObject({ kind: 'array', size: 15, count: 15 })
    if (name.kind !== 'array') throw new Error('not an array')
    expect(file.resolve(name.element)).toEqual({
      kind: 'base',
      name: 'unsigned char',
      size: 1,
      encoding: 'uint',
    })
    expect(field(file, '_EPROCESS', 'Pcb').type).toMatchObject({ kind: 'struct', name: '_KPROCESS' })
    expect(field(file, '_EPROCESS', 'Peb').type).toMatchObject({ kind: 'pointer', size: 8 })
    expect(structure(file, '_LARGE_INTEGER')).toMatchObject({ kind: 'union', size: 8 })
  })

  it('gives fields in the order of their offsets and bits', async () => {
    const file = await nt()
    const pte = structure(file, '_MMPTE_HARDWARE')
    expect(pte.fields.slice(0, 4).map(({ name }) => name)).toEqual([
      'Valid',
      'Dirty1',
      'Owner',
      'WriteThrough',
    ])
    expect(field(file, '_MMPTE_HARDWARE', 'PageFrameNumber').type).toMatchObject({
      kind: 'bitfield',
      size: 8,
      position: 12,
      length: 36,
    })
  })

  it('gives enumerations with their values', async () => {
    const type = (await nt()).typeByName('POWER_ACTION')
    expect(type).toMatchObject({ kind: 'enum', size: 4 })
    if (type?.kind !== 'enum') throw new Error('not an enumeration')
    expect(type.values[0]).toEqual({ name: 'PowerActionNone', value: 0n })
  })

  it('resolves every type of every field', async () => {
    const file = await nt()
    let resolved = 0
    for (const name of file.typeNames()) {
      const type = file.typeByName(name)
      if (type === null || !('fields' in type)) continue
      for (const member of type.fields) {
        const size = file.resolve(member.type).size
        expect(member.offset + size).toBeLessThanOrEqual(type.size)
        resolved++
      }
    }
    expect(resolved).toBeGreaterThan(10_000)
  })

  // The triage dump of this build stops at rip fffff804`7bdf5a80 with the kernel at fffff804`7ba00000.
  it('names addresses and finds names', async () => {
    const file = await nt()
    expect(file.near(0x3f5a80)).toEqual({
      name: 'KeBugCheckEx',
      rva: 0x3f5a80,
      kind: 'public',
      displacement: 0,
    })
    expect(file.near(0x3f5a80 + 0x20)).toMatchObject({ name: 'KeBugCheckEx', displacement: 0x20 })
    expect(file.near(0)).toBeNull()
    expect(file.byName('PsLoadedModuleList')?.rva).toBe(0xc2a390)
    expect(file.byName('psloadedmodulelist')?.name).toBe('PsLoadedModuleList')
    expect(file.byName('_CmAddDeviceToContainer')?.name).toBe('CmAddDeviceToContainer')
    expect(file.byName('NoSuchSymbol')).toBeNull()
    expect([...file.symbols()]).toHaveLength(39832)
  })

  it('is refused when it is cut or changed', async () => {
    for (const part of [0.1, 0.5, 0.99]) {
      const cut = packed.subarray(0, Math.floor(packed.byteLength * part))
      await expect(openIsf(cut, 'cut.json.xz')).rejects.toMatchObject({ code: 'SYMBOLS_DAMAGED' })
    }
    const changed = Uint8Array.from(packed)
    changed[5000]! ^= 1
    await expect(openIsf(changed, 'changed.json.xz')).rejects.toMatchObject({ code: 'SYMBOLS_DAMAGED' })
  })
})

const small = {
  metadata: {
    format: '6.2.0',
    windows: { pdb: { GUID: 'ab'.repeat(16), age: 3, database: 'a.pdb', machine_type: 34404 } },
  },
  base_types: {
    pointer: { kind: 'int', size: 8, signed: false, endian: 'little' },
    int: { kind: 'int', size: 4, signed: true, endian: 'little' },
  },
  enums: { E: { base: 'int', size: 4, constants: { two: 2, minus: -1 } } },
  user_types: {
    S: {
      kind: 'struct',
      size: 16,
      fields: {
        next: { offset: 8, type: { kind: 'pointer', subtype: { kind: 'struct', name: 'S' } } },
        e: { offset: 0, type: { kind: 'enum', name: 'E' } },
        opaque: { offset: 8, type: { kind: 'pointer', subtype: { kind: 'struct', name: 'Gone' } } },
      },
    },
  },
  symbols: { f: { address: 16, type: { kind: 'function' } }, g: { address: 32 } },
}
const open = (table: unknown): IsfFile => new IsfFile(JSON.stringify(table), 'a.json')

describe('a table written by hand', () => {
  it('follows a structure that points to itself, one level at a time', () => {
    const file = open(small)
    const next = field(file, 'S', 'next').type
    if (next.kind !== 'pointer') throw new Error('not a pointer')
    expect(file.resolve(next.target)).toMatchObject({ kind: 'struct', name: 'S', size: 16 })
    const opaque = field(file, 'S', 'opaque').type
    if (opaque.kind !== 'pointer') throw new Error('not a pointer')
    expect(file.resolve(opaque.target)).toEqual({ kind: 'struct', name: 'Gone', size: 0, fields: [] })
  })

  it('resolves the base of an enumeration and sorts its values', () => {
    const file = open(small)
    const type = file.typeByName('E')
    if (type?.kind !== 'enum') throw new Error('not an enumeration')
    expect(type.values.map(({ name }) => name)).toEqual(['minus', 'two'])
    expect(file.resolve(type.base)).toMatchObject({ kind: 'base', name: 'int', encoding: 'int' })
    expect(file.near(20)).toEqual({ name: 'f', rva: 16, kind: 'function', displacement: 4 })
  })

  it.each([
    [
      'metadata/format',
      { ...small, metadata: { ...small.metadata, format: '2.0.0' } },
      'SYMBOLS_UNSUPPORTED',
    ],
    ['no windows part', { ...small, metadata: { format: '6.0.0', linux: {} } }, 'SYMBOLS_UNSUPPORTED'],
    ['no metadata', { symbols: {} }, 'SYMBOLS_NOT_ISF'],
    ['is a list', [], 'SYMBOLS_DAMAGED'],
  ])('is refused when %s', (text, table, code) => {
    expect(() => open(table)).toThrow(text)
    expect(() => open(table)).toThrow(expect.objectContaining({ code }))
  })

  it('names the place of a symbol, a field and a type that make no sense', () => {
    expect(() => open({ ...small, symbols: { f: { address: -1 } } }).near(5)).toThrow(
      'a.json: symbols/f/address is -1, expected an integer from 0 to 4294967295',
    )
    const outside = { kind: 'struct', size: 4, fields: { x: { offset: 5, type: { kind: 'function' } } } }
    expect(() => open({ ...small, user_types: { T: outside } }).typeByName('T')).toThrow(
      'a.json: user_types/T/fields/x/offset is 5, expected an integer from 0 to 4',
    )
    const strange = { kind: 'struct', size: 4, fields: { x: { offset: 0, type: { kind: 'riddle' } } } }
    const file = open({ ...small, user_types: { T: strange } })
    expect(() => field(file, 'T', 'x')).toThrow('user_types/T/fields/x/type/kind is "riddle"')
  })

  it('bounds arrays of arrays', () => {
    let type: unknown = { kind: 'base', name: 'int' }
    for (let i = 0; i < 40; i++) type = { kind: 'array', count: 2, subtype: type }
    const file = open({
      ...small,
      user_types: { T: { kind: 'struct', size: 4, fields: { x: { offset: 0, type } } } },
    })
    expect(() => field(file, 'T', 'x')).toThrow('expected arrays at most 32 deep')
  })
})

it('refuses what is neither JSON nor xz by name', async () => {
  for (const bytes of [
    new Uint8Array(),
    gzipSync('{').subarray(0, 15),
    new TextEncoder().encode('<html>no</html>'),
  ]) {
    await expect(openIsf(bytes, 'a.json')).rejects.toMatchObject({ code: 'SYMBOLS_DAMAGED' })
  }
})

describe('the file around a table', () => {
  it('may be packed by gzip', async () => {
    const file = await openIsf(gzipSync(JSON.stringify(small)), 'a.json.gz')
    expect(file.identity).toEqual({ guid: 'AB'.repeat(16), age: 3 })
  })

  it('is refused by name when it is packed by bzip2', async () => {
    const bytes = new TextEncoder().encode('BZh91AY&SY')
    await expect(openIsf(bytes, 'a.json.bz2')).rejects.toMatchObject({
      code: 'SYMBOLS_UNSUPPORTED',
      message: expect.stringContaining('bzip2'),
    })
  })

  // Each is a few kilobytes, and would be gigabytes of objects.
  it.each([
    ['objects', `[${'{},'.repeat(600_000)}{}]`, '500000 objects'],
    ['members', `[${'0,'.repeat(1_600_000)}0]`, '1500000 members'],
    ['levels', `${'['.repeat(1000)}${']'.repeat(1000)}`, '64 levels of nesting'],
    ['bytes', ' '.repeat(65 << 20), '67108864 bytes'],
  ])('is refused for more %s than a table has, before they are made', async (_, symbols, found) => {
    const text = JSON.stringify({ ...small, symbols: 0 }).replace('"symbols":0', () => `"symbols":${symbols}`)
    const packed = gzipSync(text)
    expect(packed.byteLength).toBeLessThan(100_000)
    await expect(openIsf(packed, 'bomb.json.gz')).rejects.toMatchObject({
      code: 'SYMBOLS_TOO_LARGE',
      message: expect.stringContaining(`bomb.json.gz has more than ${found}`),
    })
  })

  it('counts no brackets and commas inside texts', async () => {
    const name = `${'[{,'.repeat(100_000)}"\\`
    const file = await openIsf(
      gzipSync(JSON.stringify({ ...small, symbols: { [name]: { address: 1 } } })),
      'a.json',
    )
    expect(file.byName(name)?.rva).toBe(1)
  })
})

it('raises nothing but its own errors on any JSON in the places of a table', () => {
  const json = fc.jsonValue({ maxDepth: 4 })
  fc.assert(
    fc.property(
      json,
      json,
      json,
      fc.constantFrom('S', 'E', 'int', '__proto__'),
      (fields, constants, symbols, name) => {
        try {
          const file = open({
            ...small,
            user_types: { S: { kind: 'struct', size: 16, fields } },
            enums: { E: { base: 'int', size: 4, constants } },
            symbols,
          })
          const type = file.typeByName(name)
          if (type !== null && 'fields' in type)
            for (const { type: inner } of type.fields) file.resolve(inner)
          file.near(100)
          file.byName('f')
        } catch (error) {
          expect(error).toBeInstanceOf(SymbolsError)
        }
      },
    ),
    { numRuns: 300 },
  )
})

it('raises nothing but its own errors on bytes after the magic of xz', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (tail) => {
      const bytes = Uint8Array.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, ...tail])
      await expect(openIsf(bytes, 'a.json.xz')).rejects.toBeInstanceOf(SymbolsError)
    }),
    { numRuns: 50 },
  )
})

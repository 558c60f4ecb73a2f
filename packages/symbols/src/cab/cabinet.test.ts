// Cabinets from the test kit's writer and LZX encoder (which tests/conformance holds against cabextract), and a real one.

import { readFileSync } from 'node:fs'
import { deflateRawSync } from 'node:zlib'
import { MemorySource } from '@dumpstack/bytes'
import { buildCabinet, LzxEncoder, type LzxOptions } from '@dumpstack/testkit'
import { sharedData } from '@dumpstack/testkit/node'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SymbolsError } from '../errors.ts'
import { inflateRaw } from '../node/inflate-raw.ts'
import { PdbFile } from '../pdb/pdb-file.ts'
import { Cabinet } from './cabinet.ts'

const BLOCK = 32768

function expand(cabinet: Uint8Array): Uint8Array {
  const opened = new Cabinet(new MemorySource(cabinet), 'a.pd_', inflateRaw)
  return Buffer.concat(opened.files.flatMap((file) => [...opened.expand(file)]))
}

/** Code-like bytes: repeats near and far, calls, and noise. */
function sample(byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength)
  let state = 12345
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 16
  }
  for (let at = 0; at < byteLength; ) {
    const kind = next() % 8
    if (kind < 4 && at > 1000) {
      const from = at - 1 - ((next() * 3) % Math.min(at - 1, 90_000))
      const length = 3 + (next() % (kind === 0 ? 700 : 20))
      for (let i = 0; i < length && at < byteLength; i++) bytes[at++] = bytes[from + i]!
    } else if (kind === 4) {
      for (const byte of [0xe8, next(), next() & 3, 0, 0]) if (at < byteLength) bytes[at++] = byte
    } else bytes[at++] = next()
  }
  return bytes
}

function lzxCabinet(bytes: Uint8Array, options: LzxOptions): Uint8Array {
  const blocks = new LzxEncoder(bytes, options).frames().map((packed, i) => ({
    packed,
    byteLength: Math.min(BLOCK, bytes.length - i * BLOCK),
  }))
  return buildCabinet({
    name: 'a.pdb',
    byteLength: bytes.length,
    typeCompress: 3 | (options.windowBits << 8),
    blocks,
  })
}

function mszipCabinet(bytes: Uint8Array): Uint8Array {
  const blocks = []
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const block = bytes.subarray(at, at + BLOCK)
    const dictionary = bytes.subarray(Math.max(0, at - BLOCK), at)
    const packed = deflateRawSync(block, dictionary.length === 0 ? {} : { dictionary })
    blocks.push({ packed: Buffer.concat([Buffer.from('CK'), packed]), byteLength: block.length })
  }
  return buildCabinet({ name: 'a.pdb', byteLength: bytes.length, typeCompress: 1, blocks })
}

const bytes = sample(150_001)

describe('a cabinet', () => {
  it('expands what is not compressed', () => {
    const blocks = [bytes.subarray(0, BLOCK), bytes.subarray(BLOCK, BLOCK + 100)]
    const cabinet = buildCabinet({
      name: 'a.pdb',
      byteLength: BLOCK + 100,
      typeCompress: 0,
      blocks: blocks.map((packed) => ({ packed, byteLength: packed.length })),
    })
    expect(Buffer.compare(expand(cabinet), bytes.subarray(0, BLOCK + 100))).toBe(0)
  })

  it('expands MSZIP, whose blocks refer to the one before', () => {
    expect(Buffer.compare(expand(mszipCabinet(bytes)), bytes)).toBe(0)
  })

  const verbatim = { type: 'verbatim', byteLength: 20_000 } as const
  const aligned = { type: 'aligned', byteLength: 9_999 } as const
  const raw = { type: 'raw', byteLength: 777 } as const
  it.each<[string, LzxOptions]>([
    ['of verbatim blocks', { windowBits: 15, blocks: [verbatim] }],
    ['of aligned blocks', { windowBits: 16, blocks: [aligned] }],
    ['of raw blocks of odd and even size', { windowBits: 15, blocks: [raw, { ...raw, byteLength: 778 }] }],
    ['of all three kinds', { windowBits: 17, blocks: [verbatim, raw, aligned, { ...raw, byteLength: 2 }] }],
    ['with translated calls', { windowBits: 18, blocks: [verbatim, aligned], translationSize: 100_000 }],
    ['with the largest window', { windowBits: 21, blocks: [aligned, verbatim], translationSize: 12_000_000 }],
  ])('expands LZX %s', (_, options) => {
    expect(Buffer.compare(expand(lzxCabinet(bytes, options)), bytes)).toBe(0)
  })

  it('expands LZX with matches over half a megabyte back', () => {
    const far = new Uint8Array(600_000)
    far.set(sample(2000))
    far.set(sample(2000), 598_000)
    const cabinet = lzxCabinet(far, { windowBits: 20, blocks: [{ type: 'verbatim', byteLength: BLOCK }] })
    expect(Buffer.compare(expand(cabinet), far)).toBe(0)
  })
})

const real = sharedData('pdb/moz_basic32.pd_')

describe.skipIf(real === null)('the real cabinet in shared/data/pdb', () => {
  it('holds a PDB of the size and with the identity that it has', () => {
    const packed = readFileSync(real ?? '')
    const cabinet = new Cabinet(new MemorySource(packed), 'moz_basic32.pd_', inflateRaw)
    expect(cabinet.files).toMatchObject([{ name: 'basic32.pdb', byteLength: 6590464 }])
    const pdb = new PdbFile(new MemorySource(expand(packed)), 'basic32.pdb')
    expect(pdb.identity.guid).toMatch(/^[0-9A-F]{32}$/)
    const changed = Uint8Array.from(packed)
    changed[500_000]! ^= 0x10
    expect(() => expand(changed)).toThrow('does not have the checksum')
  })
})

describe('a cabinet that lies', () => {
  const lzx = lzxCabinet(bytes.subarray(0, 40_000), {
    windowBits: 15,
    blocks: [
      { type: 'verbatim', byteLength: 5000 },
      { type: 'aligned', byteLength: 5000 },
    ],
  })
  const mszip = mszipCabinet(bytes.subarray(0, 40_000))

  it('about its size is refused with offset, found and expected', () => {
    const longer = Uint8Array.from(mszip)
    new DataView(longer.buffer).setUint32(44, 50_000, true)
    expect(() => expand(longer)).toThrow('a.pdb ends at 0xc350 of its folder, which expands to 0x9c40 bytes')
    expect(() => expand(mszip.subarray(0, 1000))).toThrow(
      expect.objectContaining({ code: 'SYMBOLS_TRUNCATED' }),
    )
  })

  it('about the size of a block is refused', () => {
    const firstBlock = 66
    for (const claimed of [0, 1, 100, 32767, 40_000]) {
      for (const cabinet of [lzx, mszip]) {
        const lying = Uint8Array.from(cabinet)
        new DataView(lying.buffer).setUint16(firstBlock + 6, claimed, true)
        expect(() => expand(lying)).toThrow(SymbolsError)
      }
    }
  })

  it('about its window is refused, and so are Quantum and sets of cabinets', () => {
    const patched = (offset: number, value: number): Uint8Array => {
      const copy = Uint8Array.from(lzx)
      new DataView(copy.buffer).setUint16(offset, value, true)
      return copy
    }
    expect(() => expand(patched(42, 0x1603))).toThrow('an LZX window of 2^22 bytes')
    expect(() => expand(patched(42, 0x1602))).toThrow('compression is 0x1602, not MSZIP or LZX')
    expect(() => expand(patched(30, 1))).toThrow('one of a set of several')
    expect(() => expand(patched(52, 9))).toThrow('file 0 is in folder 9 of 1')
  })

  it('raises nothing but its own errors, whatever is changed', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(lzx, mszip),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (cabinet, changes, nearStart) => {
          const changed = Uint8Array.from(cabinet)
          const reach = Math.max(80, Math.floor(cabinet.length * nearStart))
          for (const [at, value] of changes) changed[at % reach] = value
          try {
            expand(changed)
          } catch (error) {
            expect(error).toBeInstanceOf(SymbolsError)
          }
        },
      ),
      { numRuns: 150 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (tail) => {
        const packed = Uint8Array.from(tail)
        const blocks = [{ packed, byteLength: 20_000 }]
        const cabinet = buildCabinet({ name: 'x', byteLength: 20_000, typeCompress: 0xf03, blocks })
        expect(() => expand(cabinet)).toThrow(SymbolsError)
      }),
      { numRuns: 300 },
    )
  })
})

import { describe, expect, it } from 'vitest'
import { readDebuggerData } from './debugger-data.ts'

/** A block with 1 in every byte after its head. */
function block(size: number, tag = 'KDBG', held = size): (into: Uint8Array) => number {
  const bytes = new Uint8Array(held).fill(1)
  for (const [index, letter] of [...tag].entries()) bytes[0x10 + index] = letter.charCodeAt(0)
  new DataView(bytes.buffer).setUint32(0x14, size, true)
  return (into) => {
    const got = Math.min(into.byteLength, bytes.byteLength)
    into.set(bytes.subarray(0, got))
    return got
  }
}

describe('a debugger data block', () => {
  it.each([
    ['Windows XP', 0x290, 0, 0],
    ['Windows 8.1', 0x360, 0x0101, 0],
    ['Windows 10', 0x380, 0x0101, 0x0101_0101_0101_0101n],
    ['a later Windows', 0x390, 0x0101, 0x0101_0101_0101_0101n],
  ])('of %s is read as far as its size says', (_, size, sizePrcb, pteBase) => {
    const kdbg = readDebuggerData(block(size))
    expect(kdbg?.kernBase).toBe(0x0101_0101_0101_0101n)
    expect(kdbg?.sizePrcb).toBe(sizePrcb)
    expect(kdbg?.pteBase).toBe(BigInt(pteBase))
  })

  it.each([
    ['without its tag', block(0x380, 'KDBX')],
    ['that ends before its size', block(0x380, 'KDBG', 0x300)],
    ['whose size does not cover its head', block(0x10, 'KDBG', 0x380)],
    ['of which nothing can be read', () => 0],
  ])('%s is none', (_, read) => {
    expect(readDebuggerData(read)).toBeNull()
  })
})

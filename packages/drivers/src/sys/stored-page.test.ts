import { type Gpa, gpa, gva, pfn } from '@dumpstack/bytes'
import type { DecodedInstruction, Operand } from '@dumpstack/cpu'
import { expect, it } from 'vitest'
import { liesIn, storesInto } from './stored-page.ts'

// page 0x10 of the addresses is page 0x30 of RAM, page 0x11 is page 0x50
const PAGES: Readonly<Record<number, number>> = { 16: 0x30, 17: 0x50 }
const memory = {
  translate: (address: bigint): Gpa | null => {
    const page = PAGES[Number(address >> 12n)]
    return page === undefined ? null : gpa(page * 4096 + Number(address & 0xfffn))
  },
  readGpr: (index: number) => [0x10ff8n, 0n, 0n, 0n, 0n, 0n, 0n, 0x11000n][index]!, // rax, rdi
}
const instruction = (operand: Operand): DecodedInstruction => ({
  mnemonic: 'mov',
  condition: -1,
  byteLength: 3,
  operands: [operand],
  flagsRead: 0,
  flagsWritten: 0,
  repeat: null,
  form: '',
})
const at = (base: number | null, lo: number, size: number, segment: 'gs' | null = null): Operand => ({
  kind: 'memory',
  base,
  index: null,
  scale: 1,
  lo,
  hi: lo >> 31,
  segment,
  size,
  addressSize: 8,
})

it.each<[string, Operand, number, boolean]>([
  ['a store into it', at(0, 0, 8), 0x30, true],
  ['one beside it', at(0, 0, 8), 0x50, false],
  ['one that ends in it', at(0, 4, 8), 0x50, true],
  ['one below the register', at(0, -8, 8), 0x30, true],
  ['one by an address', at(null, 0x11000, 4), 0x50, true],
  ['a string', { kind: 'string', index: 0, size: 8 }, 0x50, true],
  ['a register', { kind: 'register', index: 0, size: 8, high: false }, 0x30, false],
  ['a segment', at(0, 0, 8, 'gs'), 0x30, false],
  ['an address that is not mapped', at(null, 0x12000, 4), 0x50, false],
])('%s', (_what, operand, page, expected) => {
  expect(storesInto(memory, instruction(operand), pfn(page))).toBe(expected)
})

it('looks at each page of a copy', () => {
  expect(liesIn(memory, 0x10000n, 0x1001n, pfn(0x50))).toBe(true)
  expect(liesIn(memory, 0x10000n, 0x1000n, pfn(0x50))).toBe(false)
  expect(liesIn(memory, gva(0x5n), 2n ** 63n, pfn(0x50))).toBe(true)
})

import type { SymbolRequest } from '@dumpstack/debugger'
import { expect, it } from 'vitest'
import { NO_SYMBOLS } from './fake-symbols.test-support.ts'
import { IdentifiedSymbols } from './identified-symbols.ts'

const pdb = { guid: 'A'.repeat(32), age: 1, path: 'ntkrnlmp.pdb' }
const known = { imageName: 'ntoskrnl.exe', timeDateStamp: 7, sizeOfImage: 0x1000, pdb }

it.each([
  ['of the same image', { ...known, pdb: null }, pdb],
  ['of another build', { ...known, timeDateStamp: 8, pdb: null }, null],
  ['of another size', { ...known, sizeOfImage: 0x2000, pdb: null }, null],
  ['that the dump holds', { ...known, pdb: { ...pdb, age: 2 } }, { ...pdb, age: 2 }],
] as const)('asks by the identity %s', async (_, request, expected) => {
  const asked: SymbolRequest[] = []
  const source = {
    ...NO_SYMBOLS,
    symbols: async (given: SymbolRequest) => {
      asked.push(given)
      return { file: null, why: [] }
    },
  }
  await new IdentifiedSymbols(source, [known]).symbols(request, new AbortController().signal)
  expect(asked.map((given) => given.pdb)).toEqual([expected])
})

import type { SymbolRequest, SymbolSource } from '@dumpstack/debugger'
import { expect, it } from 'vitest'
import { SharedSymbols } from './shared-symbols.ts'

const request: SymbolRequest = {
  imageName: 'ntoskrnl.exe',
  timeDateStamp: 1,
  sizeOfImage: 2,
  pdb: { guid: 'A'.repeat(32), age: 1, path: 'ntkrnlmp.pdb' },
}
const { signal } = new AbortController()

function counting(): { source: SymbolSource; asked: string[] } {
  const asked: string[] = []
  const source: SymbolSource = {
    symbolPath: '',
    setSymbolPath: (path) => asked.push(`path ${path}`),
    symbols: async ({ pdb }) => {
      asked.push(`symbols ${pdb?.age}`)
      return { file: null, why: ['not here'] }
    },
    image: async ({ imageName }) => {
      asked.push(`image ${imageName}`)
      return null
    },
  }
  return { source, asked }
}

it('asks once for each identity, and again when the path changes', async () => {
  const { source, asked } = counting()
  const shared = new SharedSymbols(source)
  for (const age of [1, 1, 2]) await shared.symbols({ ...request, pdb: { ...request.pdb!, age } }, signal)
  await shared.image(request, signal)
  await shared.image(request, signal)
  expect(asked.splice(0)).toEqual(['symbols 1', 'symbols 2', 'image ntoskrnl.exe'])
  shared.setSymbolPath('elsewhere')
  await shared.symbols(request, signal)
  expect(asked.splice(0)).toEqual(['path elsewhere', 'symbols 1'])
})

it('asks for each dump anew where only the dump can tell which file is right', async () => {
  const { source, asked } = counting()
  const shared = new SharedSymbols(source)
  await shared.symbols({ ...request, pdb: null }, signal)
  await shared.symbols({ ...request, pdb: null }, signal)
  expect(asked).toEqual(['symbols undefined', 'symbols undefined'])
})

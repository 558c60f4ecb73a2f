// The symbol path of kd as a user writes it, on a run folder and on a server on loopback.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SymbolRequest } from '@dumpstack/debugger'
import { parsePe } from '@dumpstack/image'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostSymbols } from './host-symbols.ts'

const BIN = fileURLToPath(new URL('../../../../guest/bin', import.meta.url))
const image = parsePe(readFileSync(path.join(BIN, 'ntkrnlmp.exe')))
const { rsds } = image
if (rsds === null) throw new Error('the guest kernel names no PDB')
const request: SymbolRequest = {
  imageName: 'ntoskrnl.exe',
  timeDateStamp: image.timeDateStamp,
  sizeOfImage: image.sizeOfImage,
  pdb: rsds,
}
const key = `${rsds.guid}${rsds.age.toString(16)}`
const signal = new AbortController().signal

const run = mkdtempSync(path.join(tmpdir(), 'kd-symbols-'))
let server: Server
let url = ''
const asked: string[] = []
beforeAll(async () => {
  mkdirSync(path.join(run, 'C'))
  server = createServer((incoming, response) => {
    asked.push(incoming.url ?? '')
    if (incoming.url === `/sym/ntkrnlmp.pdb/${key}/ntkrnlmp.pdb`) {
      response.end(readFileSync(path.join(BIN, 'ntkrnlmp.pdb')))
    } else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // listens on a port
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(run, { recursive: true })
})
const symbolsAlong = (symbolPath: string): HostSymbols =>
  new HostSymbols(symbolPath, [{ root: 'C:', folder: path.join(run, 'C') }])

// covers: KIT-20, KIT-39
it('keeps what a server has under C: of the run, and asks it once', async () => {
  for (const _ of [1, 2]) {
    const symbols = symbolsAlong(`SRV*C:\\Symbols*${url}/sym`)
    const answer = await symbols.symbols(request, signal)
    expect(answer.file?.byName('KeBugCheckEx')?.name).toBe('KeBugCheckEx')
  }
  expect(asked).toEqual([`/sym/ntkrnlmp.pdb/${key}/ntkrnlmp.pdb`])
  expect(existsSync(path.join(run, 'C', 'Symbols', 'ntkrnlmp.pdb', key, 'ntkrnlmp.pdb'))).toBe(true)
})

it('says of each place why it has no symbols, with both identities of a PDB of another build', async () => {
  const folder = path.join(run, 'other')
  mkdirSync(folder)
  copyFileSync(path.join(BIN, 'hal.pdb'), path.join(folder, 'ntkrnlmp.pdb'))
  const symbols = symbolsAlong(`${folder};srv*D:\\none`)
  const answer = await symbols.symbols(request, signal)
  expect(answer).toMatchObject({
    file: null,
    why: [
      expect.stringMatching(
        `mismatched: wanted guid ${rsds.guid} age ${rsds.age}, found guid [0-9A-F]{32} age`,
      ),
      'D:\\none: unusable, its drive or share is mapped to no folder',
      expect.stringContaining('was not found'),
    ],
  })
  symbols.setSymbolPath('')
  expect(await symbols.symbols(request, signal)).toEqual({ file: null, why: ['the symbol path is empty'] })
})

it('gives the image of a module, the kernel under its own name', async () => {
  const bytes = await symbolsAlong(BIN).image(request, signal)
  expect(bytes !== null && parsePe(bytes).timeDateStamp).toBe(image.timeDateStamp)
  expect(await symbolsAlong(BIN).image({ ...request, sizeOfImage: 0x1000 }, signal)).toBeNull()
})

it('takes a table or kernel PDB that the dump itself confirms when there is no identity', async () => {
  const symbols = symbolsAlong(BIN)
  const anonymous = { ...request, pdb: null }
  const confirmed = await symbols.symbols({ ...anonymous, matches: () => true }, signal)
  expect(confirmed.file?.identity.guid).toBe(rsds.guid)
  // beside its images and PDBs the folder has a list of them, as JSON: no place where symbols were looked for
  expect(await symbols.symbols({ ...anonymous, matches: () => false }, signal)).toEqual({
    file: null,
    why: [
      'neither the dump nor the symbol path holds ntoskrnl.exe, which names its PDB',
      `${path.join(BIN, 'ntkrnlmp.pdb')} is of another kernel: its variables lie elsewhere than in the dump`,
    ],
  })
  expect(await symbols.symbols(anonymous, signal)).toMatchObject({ file: null })
})

describe('tables of kernels without an identity to look for', () => {
  const guidOf = (i: number): string => i.toString(16).toUpperCase().padStart(32, '0')
  const table = (i: number): string =>
    JSON.stringify({
      metadata: { format: '6.2.0', windows: { pdb: { GUID: guidOf(i), age: 1, database: 'ntkrnlmp.pdb' } } },
      base_types: {},
      enums: {},
      user_types: {},
      symbols: {},
    })

  it.each(['', 'ntkrnlmp.pdb', 'windows/ntkrnlmp.pdb', 'symbols/windows/ntkrnlmp.pdb'])(
    'are found by content where volatility keeps them: %j',
    async (below) => {
      const folder = mkdtempSync(path.join(run, 'tables-'))
      mkdirSync(path.join(folder, below), { recursive: true })
      for (let i = 0; i < 5; i++) writeFileSync(path.join(folder, below, `${guidOf(i)}-1.json`), table(i))
      const symbols = symbolsAlong(folder)
      const matches: SymbolRequest['matches'] = (file) => file.identity.guid === guidOf(3)
      const found = await symbols.symbols({ ...request, pdb: null, matches }, signal)
      expect(found.file?.identity.guid).toBe(guidOf(3))
      expect(await symbols.symbols({ ...request, pdb: null, matches: () => false }, signal)).toMatchObject({
        why: [
          expect.anything(),
          `${folder} has 5 of other kernels: their variables lie elsewhere than in the dump`,
        ],
      })
    },
  )
})

it('names what leads nowhere on the path of a module without an identity, too', async () => {
  const symbols = symbolsAlong(`/none/such;srv*C:\\new*=${url};srv*C:\\new*${url};cache*C:\\new;Q:\\x`)
  expect(await symbols.symbols({ ...request, pdb: null }, signal)).toEqual({
    file: null,
    why: [
      expect.stringContaining('neither the dump nor the symbol path holds'),
      '/none/such: there is no such folder',
      `=${url}: unusable, "=" stands before an address: is ${url} meant?`,
      'Q:\\x: unusable, its drive or share is mapped to no folder',
    ],
  })
})

it('says that what an image names its PDB by is no name of a file, and has no image of such a name', async () => {
  const symbols = symbolsAlong(BIN)
  const pdb = { ...rsds, path: 'C:\\x\\nul.pdb' }
  expect(await symbols.symbols({ ...request, pdb }, signal)).toMatchObject({
    file: null,
    why: [expect.stringContaining('does not end in the name of a file')],
  })
  expect(await symbols.image({ ...request, imageName: '..\\..' }, signal)).toBeNull()
})

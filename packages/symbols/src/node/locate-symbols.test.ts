// Stores in temporary folders and a server on loopback, filled with real PDBs (of guest/bin).
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { parsePe } from '@dumpstack/image'
import { buildCabinet, LzxEncoder } from '@dumpstack/testkit'
import { sharedData } from '@dumpstack/testkit/node'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { imageKey, pdbKey } from '../store/store-key.ts'
import { parseSymbolPath } from '../store/symbol-path.ts'
import { expandCabinet } from './expand-cabinet.ts'
import { locateImage } from './locate-image.ts'
import { locateSymbols, type SymbolRequest } from './locate-symbols.ts'
import { openSymbolFile } from './open-symbol-file.ts'
import { place } from './store-writer.ts'
import type { SymbolEvent } from './symbol-event.ts'
import { SymbolSession } from './symbol-session.ts'

function findUp(relative: string): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, relative))) return path.join(folder, relative)
  }
}
const halBytes = readFileSync(findUp('guest/bin/hal.pdb'))
const otherBytes = readFileSync(findUp('guest/bin/disk.pdb'))
const opened = await openSymbolFile(findUp('guest/bin/hal.pdb'))
const identity = opened.file.identity
opened.close()
const request: SymbolRequest = { name: 'D:\\build\\hal.pdb', ...identity }
const key = pdbKey(identity)

const base = mkdtempSync(path.join(tmpdir(), 'symbols-'))
afterAll(() => rmSync(base, { recursive: true }))
let folder = ''
let session: SymbolSession
let count = 0
beforeEach(() => {
  folder = path.join(base, String(count++))
  mkdirSync(folder)
  session = newSession()
  events = []
})
const newSession = (): SymbolSession =>
  new SymbolSession({
    windowsRoots: [{ root: 'C:', folder: path.join(folder, 'C') }],
    defaultStore: path.join(folder, 'default'),
    answerMs: 1000,
    spanMs: 500,
    maxByteLength: 1_000_000,
    onEvent: (event) => void events.push(event),
  })
let events: SymbolEvent[] = []

/** Writes a file below the test's folder. */
function put(relative: string, bytes: Uint8Array | string): string {
  const file = path.join(folder, relative)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, bytes)
  return file
}
const files = (relative = ''): string[] =>
  readdirSync(path.join(folder, relative), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort()
const locate = (text: string, wanted: SymbolRequest = request) =>
  locateSymbols(wanted, parseSymbolPath(text), session)

function mszip(bytes: Uint8Array): Uint8Array {
  const blocks = []
  for (let at = 0; at < bytes.length; at += 32768) {
    const block = bytes.subarray(at, at + 32768)
    const dictionary = bytes.subarray(Math.max(0, at - 32768), at)
    const packed = deflateRawSync(block, dictionary.length === 0 ? {} : { dictionary })
    blocks.push({ packed: Buffer.concat([Buffer.from('CK'), packed]), byteLength: block.length })
  }
  return buildCabinet({ name: 'hal.pdb', byteLength: bytes.length, typeCompress: 1, blocks })
}
function lzx(bytes: Uint8Array): Uint8Array {
  const frames = new LzxEncoder(bytes, {
    windowBits: 16,
    blocks: [{ type: 'verbatim', byteLength: 32768 }],
  }).frames()
  const blocks = frames.map((packed, i) => ({
    packed,
    byteLength: Math.min(32768, bytes.length - i * 32768),
  }))
  return buildCabinet({ name: 'hal.pdb', byteLength: bytes.length, typeCompress: 0x1003, blocks })
}

describe('folders and stores', () => {
  it.each([
    ['a plain folder', 'C/s/hal.pdb'],
    ['a folder per kind of image', 'C/s/symbols/dll/hal.pdb'],
    ['a folder in another case', 'C/S/HAL.PDB'],
    ['a folder with the structure of a store', `C/s/hal.pdb/${key}/hal.pdb`],
  ])('finds symbols in %s', async (_, where) => {
    const file = put(where, halBytes)
    const located = await locate('c:\\s')
    expect(located.path).toBe(file)
    expect(located.file?.identity).toEqual(identity)
  })

  it.each([
    ['one tier', '', `s/hal.pdb/${key}/hal.pdb`],
    ['one tier in another case', '', `s/HAL.pdb/${key.toLowerCase()}/Hal.PDB`],
    ['two tiers', 'index2.txt', `s/ha/hal.pdb/${key}/hal.pdb`],
    ['no tiers', 'flat.txt', 's/hal.pdb'],
  ])('finds symbols in a store of %s', async (_, mark, where) => {
    const file = put(where, halBytes)
    if (mark !== '') put(`s/${mark}`, '')
    expect(await locate(`srv*${folder}/s`)).toMatchObject({ path: file })
  })

  it('takes a folder with pingme.txt for a store', async () => {
    put('s/pingme.txt', '')
    put('s/index2.txt', '')
    const file = put(`s/ha/hal.pdb/${key}/hal.pdb`, halBytes)
    expect(await locate(`${folder}/s`)).toMatchObject({ path: file })
  })

  it('copies what a store has into all stores to its left', async () => {
    put(`up/hal.pdb/${key}/hal.pdb`, halBytes)
    const located = await locate(`srv*${folder}/near*${folder}/middle*${folder}/up`)
    expect(located.path).toBe(path.join(folder, `near/hal.pdb/${key}/hal.pdb`))
    for (const store of ['near', 'middle']) {
      expect(files(store)).toEqual([`${store}/hal.pdb/${key}/hal.pdb`, `${store}/pingme.txt`])
    }
    expect(readFileSync(located.path ?? '').equals(halBytes)).toBe(true)
  })

  it('lets a cache keep what later parts find, plain folders too', async () => {
    put('plain/hal.pdb', halBytes)
    await locate(`cache*C:\\cache;${folder}/plain`)
    rmSync(path.join(folder, 'plain'), { recursive: true })
    expect(await locate('cache*C:\\cache;srv*')).toMatchObject({
      path: path.join(folder, `C/cache/hal.pdb/${key}/hal.pdb`),
    })
  })

  it.each([
    ['MSZIP', mszip(halBytes)],
    ['LZX', lzx(halBytes)],
  ])('expands %s into the leftmost store, those between keep it', async (_, cabinet) => {
    put(`up/hal.pdb/${key}/hal.pd_`, cabinet)
    const located = await locate(`srv*${folder}/near*${folder}/middle*${folder}/up`)
    expect(readFileSync(located.path ?? '').equals(halBytes)).toBe(true)
    expect(files('near')).toContain(`near/hal.pdb/${key}/hal.pdb`)
    expect(files('middle')).toContain(`middle/hal.pdb/${key}/hal.pd_`)
  })

  it('expands into the default store where no other is named', async () => {
    put(`up/hal.pdb/${key}/hal.pd_`, mszip(halBytes))
    expect(await locate(`srv*${folder}/up`)).toMatchObject({
      path: path.join(folder, `default/hal.pdb/${key}/hal.pdb`),
    })
  })

  it('follows a pointer, but no pointer to a pointer', async () => {
    const file = put('C/real/hal.pdb', halBytes)
    const pointer = put(`s/hal.pdb/${key}/file.ptr`, 'PATH:C:\\real\\hal.pdb\r\n')
    expect(await locate(`srv*${folder}/s`)).toMatchObject({ path: file })
    writeFileSync(pointer, pointer)
    const looped = await locate(`srv*${folder}/s`)
    expect(looped).toMatchObject({ file: null, attempts: [{ outcome: 'unreadable' }] })
    writeFileSync(pointer, 'MSG: retired in 2019')
    expect((await locate(`srv*${folder}/s`)).attempts).toMatchObject([
      { outcome: 'absent', text: 'retired in 2019' },
    ])
  })

  it('never uses the PDB of the same build at another age', async () => {
    put('plain/hal.pdb', halBytes)
    const located = await locate(`${folder}/plain`, { ...request, age: identity.age + 1 })
    expect(located.file).toBeNull()
    expect(located.attempts[0]).toMatchObject({
      outcome: 'wrong-identity',
      text: `mismatched: wanted guid ${identity.guid} age ${identity.age + 1}, found guid ${identity.guid} age ${identity.age}`,
    })
  })

  it('never uses the PDB of another build and names both identities', async () => {
    put('plain/hal.pdb', otherBytes)
    const good = put(`s/hal.pdb/${key}/hal.pdb`, halBytes)
    const located = await locate(`${folder}/plain;srv*${folder}/s`)
    expect(located.path).toBe(good)
    const other = await openSymbolFile(findUp('guest/bin/disk.pdb'))
    other.close()
    expect(located.attempts[0]).toMatchObject({
      outcome: 'wrong-identity',
      found: other.file.identity,
      text: `mismatched: wanted guid ${identity.guid} age ${identity.age}, found guid ${other.file.identity.guid} age ${other.file.identity.age}`,
    })
    const newer = await locate(`srv*${folder}/s`, { ...request, age: identity.age + 1 })
    expect(newer.file).toBeNull()
  })

  it('gives one reason for each place when it finds nothing', async () => {
    symlinkSync(path.join(folder, 'loop'), path.join(folder, 'loop'))
    put(`damaged/hal.pdb/${key}/hal.pdb`, halBytes.subarray(0, 20_000))
    put(`lying/hal.pdb/${key}/hal.pd_`, mszip(halBytes).subarray(0, 9000))
    mkdirSync(path.join(folder, 'C/empty'), { recursive: true })
    const located = await locate(
      `${folder}/loop;C:\\empty;Z:\\x;srv*C:\\empty;${folder}/none;srv*${folder}/damaged;srv*${folder}/lying;odd*x`,
    )
    expect(located.file).toBeNull()
    expect(located.attempts.map(({ outcome, text }) => [outcome, text])).toEqual([
      ['no-such-folder', 'there is no such folder'],
      ['absent', 'hal.pdb is not there'],
      ['unusable', 'its drive or share is mapped to no folder'],
      ['absent', `${path.join('hal.pdb', key, 'hal.pdb')} is not there`],
      ['no-such-folder', 'there is no such folder'],
      ['unreadable', expect.stringContaining('its superblock at offset 0x28')],
      ['unreadable', expect.stringContaining('the cabinet says that it has')],
      ['unusable', 'odd* is none of srv*, symsrv* and cache*'],
    ])
    expect(files('default')).toEqual(['default/pingme.txt'])
  })

  it('refuses a name that leads elsewhere', async () => {
    await expect(locate('C:\\s', { ...request, name: 'x\\..' })).rejects.toMatchObject({
      code: 'SYMBOLS_BAD_NAME',
    })
  })
})

describe('a cabinet', () => {
  /** Says that it holds `byteLength` bytes in blocks of zeros, each a few bytes of deflate, after a first block. */
  function bomb(byteLength: number, first: Uint8Array): Uint8Array {
    const zeros = Buffer.alloc(32768)
    const packed = deflateRawSync(zeros, { dictionary: zeros })
    const blocks = [
      { packed: Buffer.concat([Buffer.from('CK'), deflateRawSync(first)]), byteLength: first.length },
    ]
    for (let at = first.length; at < byteLength; at += 32768) {
      blocks.push({
        packed: Buffer.concat([Buffer.from('CK'), packed]),
        byteLength: Math.min(32768, byteLength - at),
      })
    }
    return buildCabinet({ name: 'hal.pdb', byteLength, typeCompress: 1, blocks })
  }
  const head = (blocks: number): Uint8Array => {
    const block = Uint8Array.from(halBytes.subarray(0, 32768))
    new DataView(block.buffer).setUint32(0x28, blocks, true)
    return block
  }
  const blockSize = new DataView(halBytes.buffer, halBytes.byteOffset).getUint32(0x20, true)

  it.each<[string, () => Uint8Array, string]>([
    [
      'more than a hundred times its own size',
      () => bomb(100 << 20, head(1)),
      'says that it expands to 104857600',
    ],
    ['zeros', () => bomb(20 << 20, new Uint8Array(32768)), 'bytes of no known kind'],
    [
      'a PDB that is longer than it says',
      () => bomb(20 << 20, head((30 << 20) / blockSize)),
      'its superblock at offset 0x28 names',
    ],
  ])('that holds %s is refused before it is written, once', async (_, make, reason) => {
    put(`up/hal.pdb/${key}/hal.pd_`, make())
    const located = await locate(`srv*${folder}/near*${folder}/up`)
    expect(located.attempts.at(-1)).toMatchObject({
      outcome: 'unreadable',
      text: expect.stringContaining(reason),
    })
    expect(files('near')).toEqual(['near/pingme.txt'])
    // Not even a temporary is made for it again.
    rmSync(path.join(folder, 'near'), { recursive: true })
    const again = await locate(`srv*${folder}/near*${folder}/up`)
    expect(again.attempts.at(-1)?.text).toBe(located.attempts.at(-1)?.text)
    expect(existsSync(path.join(folder, 'near'))).toBe(false)
  })

  it('is judged by its first block before that is written', async () => {
    const cabinet = put('bomb.pd_', bomb(20 << 20, new Uint8Array(32768)))
    const into = path.join(folder, 'into')
    const seen: number[] = []
    const refused = await expandCabinet(cabinet, {
      name: 'hal.pdb',
      into,
      signal: undefined,
      checkHead: (block, byteLength) => {
        seen.push(block.byteLength, byteLength)
        return { place: 'here', outcome: 'unreadable', text: 'no' }
      },
    })
    expect([refused?.text, seen, readFileSync(into).length]).toEqual(['no', [32768, 20 << 20], 0])
  })

  it('of another image is given up after its first block', async () => {
    const image = readFileSync(findUp('guest/bin/disk.sys'))
    const { timeDateStamp, sizeOfImage } = parsePe(image)
    const wanted = { name: 'hal.pdb', timeDateStamp: timeDateStamp ^ 1, sizeOfImage }
    const padded = new Uint8Array(32768)
    padded.set(image.subarray(0, 32768))
    put(`up/hal.pdb/${imageKey(wanted.timeDateStamp, sizeOfImage)}/hal.pd_`, bomb(20 << 20, padded))
    const located = await locateImage(wanted, parseSymbolPath(`srv*${folder}/near*${folder}/up`), session)
    expect(located.attempts.at(-1)).toMatchObject({ outcome: 'wrong-identity' })
    expect(files('near')).toEqual(['near/pingme.txt'])
  })

  it('is left in the middle when the user interrupts', async () => {
    const controller = new AbortController()
    const long = bomb(60 << 20, head(1))
    put(`up/hal.pdb/${key}/hal.pd_`, long)
    setImmediate(() => controller.abort())
    const path = parseSymbolPath(`srv*${folder}/near*${folder}/up`)
    await expect(locateSymbols(request, path, session, controller.signal)).rejects.toThrow('aborted')
    expect(files('near')).toEqual(['near/pingme.txt'])
  })
})

describe('a downstream store', () => {
  it('is not left by a link in the place of a folder', async () => {
    put(`up/hal.pdb/${key}/hal.pdb`, halBytes)
    put('near/pingme.txt', '')
    mkdirSync(path.join(folder, 'elsewhere'))
    symlinkSync(path.join(folder, 'elsewhere'), path.join(folder, 'near/hal.pdb'))
    const located = await locate(`srv*${folder}/near*${folder}/up`)
    // It is used where it is.
    expect(located.path).toBe(path.join(folder, `up/hal.pdb/${key}/hal.pdb`))
    expect(located.attempts).toContainEqual(
      expect.objectContaining({
        outcome: 'unusable',
        text: expect.stringContaining('leads out of the store'),
      }),
    )
    expect(readdirSync(path.join(folder, 'elsewhere'))).toEqual([])
  })

  it('without folders for keys keeps the file of another build', async () => {
    put(`up/hal.pdb/${key}/hal.pdb`, halBytes)
    put('near/flat.txt', '')
    put('near/hal.pdb', otherBytes)
    const located = await locate(`srv*${folder}/near*${folder}/up`)
    expect(located.file?.identity).toEqual(identity)
    expect(readFileSync(path.join(folder, 'near/hal.pdb')).equals(otherBytes)).toBe(true)
  })

  it('keeps the right file that another process put there meanwhile', async () => {
    put('near/pingme.txt', '')
    const there = put(`near/hal.pdb/${key}/hal.pdb`, halBytes)
    const temporary = put('near/x.tmp', halBytes)
    const isRight = async (): Promise<boolean> => true
    const where = { root: path.join(folder, 'near'), name: 'hal.pdb', key, fileName: 'hal.pdb', isRight }
    expect(await place(temporary, where)).toBe(there)
    expect(readdirSync(path.dirname(there))).toEqual(['hal.pdb'])
  })
})

it('refuses a table that is too large once in a session', async () => {
  const name = `${'AB'.repeat(16)}-1.json`
  const file = put(`s/${name}`, `{"a":[${'0,'.repeat(1_600_000)}0]}`)
  const wanted = { name: 'a.pdb', guid: 'AB'.repeat(16), age: 1 }
  const first = await locate(`${folder}/s`, wanted)
  expect(first.attempts.at(-1)).toMatchObject({
    outcome: 'unreadable',
    text: expect.stringContaining('1500000'),
  })
  await expect(session.open(file)).rejects.toBe(await session.open(file).catch((error: unknown) => error))
})

describe('a folder of tables', () => {
  const guid = 'AB'.repeat(16)
  const wanted = { name: 'D:\\o\\a.pdb', guid, age: 1 }
  const text = JSON.stringify({
    metadata: { format: '6.2.0', windows: { pdb: { GUID: guid, age: 1, database: 'a.pdb' } } },
    base_types: {},
    enums: {},
    user_types: {},
    symbols: {},
  })

  it.each([
    `${guid}-1.json`,
    `${guid.toLowerCase()}-1.JSON.gz`,
    `a.pdb/${guid}-1.json`,
    `windows/a.pdb/${guid}-1.json.gz`,
    `symbols/windows/A.pdb/${guid}-1.json`,
  ])('has %s found by its name, among hundreds that are not opened', async (where) => {
    // Whatever is opened of these is refused.
    for (let i = 0; i < 300; i++) {
      put(
        path.join('t', path.dirname(where), `${i.toString(16).padStart(32, '0').toUpperCase()}-1.json.xz`),
        'x',
      )
    }
    const file = put(`t/${where}`, /gz$/i.test(where) ? gzipSync(text) : text)
    const located = await locate(`${folder}/t`, wanted)
    expect(located).toMatchObject({ path: file, file: { kind: 'isf' }, attempts: [{ outcome: 'found' }] })
  })

  it('says that a table packed by bzip2 is not read', async () => {
    put(`t/a.pdb/${guid}-1.json.bz2`, 'BZh91AY&SY')
    expect((await locate(`${folder}/t`, wanted)).attempts[0]).toMatchObject({
      outcome: 'unreadable',
      text: expect.stringContaining('bzip2'),
    })
  })
})

it('names a mistyped part and what may be meant', async () => {
  const located = await locate(`srv*${folder}/near*=http://127.0.0.1:9/s;srvc:\\x;srv\\\\a\\b;${folder}/none`)
  expect(located.attempts.map(({ place: at, outcome, text }) => [at, outcome, text])).toEqual([
    [`${folder}/near`, 'absent', 'there is no such folder'],
    ['=http://127.0.0.1:9/s', 'unusable', '"=" stands before an address: is http://127.0.0.1:9/s meant?'],
    ['srvc:\\x', 'no-such-folder', 'there is no such folder: is srv*c:\\x meant?'],
    ['srv\\\\a\\b', 'no-such-folder', 'there is no such folder: is srv*\\\\a\\b meant?'],
    [`${folder}/none`, 'no-such-folder', 'there is no such folder'],
  ])
})

const table = sharedData('isf/5278AFF86C341677D7D7835C85B7B844-1.json.xz')
it.skipIf(table === null)('finds the ISF table of shared/data beside a dump by its name', async () => {
  const kernel = { name: 'ntkrnlmp.pdb', guid: '5278AFF86C341677D7D7835C85B7B844', age: 1 }
  const located = await locate(path.dirname(table ?? ''), kernel)
  expect(located).toMatchObject({ path: table, file: { kind: 'isf' } })
})

it('finds the image of a module by time and size, compressed too', async () => {
  const image = readFileSync(findUp('guest/bin/disk.sys'))
  const { timeDateStamp, sizeOfImage } = parsePe(image)
  const wanted = { name: 'disk.sys', timeDateStamp, sizeOfImage }
  const imageFolder = `disk.sys/${imageKey(timeDateStamp, sizeOfImage)}`
  put(`up/${imageFolder}/disk.sy_`, mszip(image))
  const store = parseSymbolPath(`srv*${folder}/up`)
  const located = await locateImage(wanted, store, session)
  expect(located.path).toBe(path.join(folder, 'default', imageFolder, 'disk.sys'))
  expect(readFileSync(located.path ?? '').equals(image)).toBe(true)
  put('plain/disk.sys', image)
  put('page/disk.sys', '<html>'.repeat(50))
  const text = `${folder}/plain;${folder}/page`
  const other = await locateImage({ ...wanted, sizeOfImage: 0x1000 }, parseSymbolPath(text), session)
  expect(other).toMatchObject({
    path: null,
    attempts: [{ outcome: 'wrong-identity' }, { outcome: 'unreadable' }],
  })
})

const halfCabinet = lzx(halBytes).subarray(0, 9000)

describe('a server', () => {
  let server: Server
  let url = ''
  let requests: string[] = []
  let listener: RequestListener = (_, response) => response.writeHead(404).end()
  beforeEach(async () => {
    requests = []
    server = createServer((incoming, response) => {
      requests.push(incoming.url ?? '')
      listener(incoming, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // listens on a port
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  /** Serves these paths and nothing else. */
  const serve = (content: Record<string, Uint8Array | string>): void => {
    listener = (incoming, response) => {
      const body = content[incoming.url ?? '']
      if (body === undefined) response.writeHead(404).end()
      else response.end(body)
    }
  }
  const nothingKept = (): void => expect(files().filter((file) => !file.endsWith('pingme.txt'))).toEqual([])

  it('gives a file, which is kept and not asked for again', async () => {
    let agent = ''
    listener = (incoming, response) => {
      agent = incoming.headers['user-agent'] ?? ''
      response.end(halBytes)
    }
    const kept = path.join(folder, `C/down/hal.pdb/${key}/hal.pdb`)
    expect(await locate(`srv*c:\\down*${url}/download/symbols`)).toMatchObject({ path: kept })
    expect(agent).toMatch(/^Microsoft-Symbol-Server\//)
    expect(requests).toEqual([`/download/symbols/hal.pdb/${key}/hal.pdb`])
    session = newSession()
    expect(await locate(`srv*C:\\Down*${url}/download/symbols`)).toMatchObject({ path: kept })
    expect(requests).toHaveLength(1)
  })

  it('gives a compressed file, a pointer, or a file of two tiers', async () => {
    serve({ [`/hal.pdb/${key}/hal.pd_`]: lzx(halBytes) })
    const kept = path.join(folder, `default/hal.pdb/${key}/hal.pdb`)
    expect(await locate(`srv*${url}`)).toMatchObject({ path: kept })
    rmSync(path.join(folder, 'default'), { recursive: true })
    const shared = put('C/share/hal.pdb', halBytes)
    serve({ [`/b/hal.pdb/${key}/file.ptr`]: 'C:\\share\\hal.pdb' })
    expect((await locate(`srv*${url}/b`)).path).not.toBe(null)
    rmSync(shared)
    rmSync(path.join(folder, 'default'), { recursive: true })
    serve({ '/c/index2.txt': '', [`/c/ha/hal.pdb/${key}/hal.pdb`]: halBytes })
    expect(await locate(`srv*${url}/c`)).toMatchObject({ path: kept })
    serve({ [`/d/hal.pdb/${key}/file.ptr`]: '/etc/passwd' })
    expect((await locate(`srv*${folder}/new*${url}/d`)).attempts.at(-1)).toMatchObject({
      outcome: 'unusable',
      text: 'it points to /etc/passwd, which is no Windows path',
    })
  })

  it('is asked once in a session for what it does not have', async () => {
    serve({})
    const first = await locate(`srv*${url}`)
    expect(first.attempts.at(-1)).toMatchObject({ place: url, outcome: 'absent' })
    const asked = requests.length
    await locate(`srv*${url}`)
    expect(requests).toHaveLength(asked)
    serve({ [`/hal.pdb/${key}/hal.pdb`]: halBytes })
    session = newSession()
    expect((await locate(`srv*${url}`)).file).not.toBeNull()
  })

  it('may redirect, but not for ever and not to a file', async () => {
    listener = (incoming, response) => {
      if (incoming.url?.startsWith('/blob')) response.end(halBytes)
      else response.writeHead(302, { location: `/blob${incoming.url}` }).end()
    }
    expect((await locate(`srv*${folder}/a*${url}`)).file).not.toBeNull()
    const hops = (count: number): RequestListener => {
      return ({ url: at = '' }, response) => {
        const hop = Number(/^\/hop(\d+)/.exec(at)?.[1] ?? 0)
        if (hop === count) response.end(halBytes)
        else response.writeHead(302, { location: `/hop${hop + 1}` }).end()
      }
    }
    for (const [count, isFollowed] of [
      [5, true],
      [6, false],
    ] as const) {
      // biome-ignore format: a table
      listener = hops(count)
      expect((await locate(`srv*${folder}/hops${count}*${url}`)).file !== null).toBe(isFollowed)
    }
    for (const [location, reason] of [
      ['/again', 'more than 5 redirects'],
      ['file:///etc/passwd', 'which is not followed'],
    ]) {
      listener = (_, response) => response.writeHead(302, { location }).end()
      const located = await locate(`srv*${folder}/b*${url}`)
      expect(located.attempts.at(-1)).toMatchObject({
        outcome: 'unreachable',
        text: expect.stringContaining(reason ?? ''),
      })
    }
  })

  it.each<[string, RequestListener, string, string]>([
    ['garbage', (_, response) => response.end(Buffer.alloc(5000, 0x37)), 'unreadable', 'hal.pdb'],
    ['a page', (_, response) => response.end('<!DOCTYPE html><p>sign in</p>'), 'unreadable', 'HTML'],
    ['another PDB', (_, response) => response.end(otherBytes), 'wrong-identity', 'mismatched: wanted guid'],
    [
      'half a PDB',
      (_, response) => response.end(halBytes.subarray(0, 50_000)),
      'unreadable',
      'its superblock',
    ],
    ['half a cabinet', (_, response) => response.end(halfCabinet), 'unreadable', 'the cabinet'],
    [
      'an error',
      (_, response) => response.writeHead(503).end('busy'),
      'unreachable',
      'the server answers 503',
    ],
    ['a refusal', (_, response) => response.writeHead(403).end(), 'unreachable', 'the server answers 403'],
    [
      'too much',
      (_, response) => response.end(Buffer.alloc(1_000_001)),
      'unreachable',
      'more than 1000000 bytes',
    ],
    [
      'a connection that breaks half-way',
      (_, response) => {
        response.writeHead(200, { 'content-length': halBytes.length })
        response.write(halBytes.subarray(0, 50_000), () => response.destroy())
      },
      'unreachable',
      'the connection failed',
    ],
    [
      'a connection that breaks at once',
      (_, response) => {
        response.writeHead(200, { 'content-length': halBytes.length })
        response.write(halBytes.subarray(0, 1000), () => response.destroy())
      },
      'unreachable',
      'the connection failed',
    ],
    [
      'a body that stops half-way',
      (_, response) => {
        response.writeHead(200, { 'content-length': halBytes.length })
        response.write(halBytes.subarray(0, 50_000))
      },
      'unreachable',
      'only 50000 bytes within 500 ms',
    ],
    ['nothing at all', () => undefined, 'unreachable', 'no answer within 1000 ms'],
  ])('that answers %s leaves nothing behind', async (_, answer, outcome, reason) => {
    listener = answer
    const located = await locate(`srv*${folder}/down*${url}`)
    expect(located.file).toBeNull()
    expect(located.attempts.at(-1)).toMatchObject({ outcome, text: expect.stringContaining(reason) })
    nothingKept()
    serve({ [`/hal.pdb/${key}/hal.pdb`]: halBytes })
    session = newSession()
    expect((await locate(`srv*${folder}/down*${url}`)).file).not.toBeNull()
    expect(readdirSync(`${folder}/down`).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it.skipIf(!existsSync('/proc/self'))(
    'gets the default store at once where another cannot be made',
    async () => {
      serve({ [`/hal.pdb/${key}/hal.pdb`]: halBytes })
      const { file, attempts } = await locate(`srv*/proc/no-folder/store*${url}`)
      expect(file).not.toBeNull()
      const refused = { outcome: 'unusable', text: expect.stringContaining('cannot be written') }
      expect(attempts).toContainEqual(expect.objectContaining(refused))
    },
  )

  it('is left alone for the session once it did not answer', async () => {
    listener = () => undefined
    await locate(`srv*${url}`)
    const before = requests.length
    const again = await locate(`srv*${url}`, { ...request, name: 'disk.pdb' })
    expect(requests).toHaveLength(before)
    expect(again.attempts.at(-1)?.text).toContain('not asked again in this session')
  })

  it('that sends files without an end is left alone after the second', async () => {
    listener = (_, response) => response.end(Buffer.alloc(1_000_001))
    for (const name of ['hal.pdb', 'disk.pdb', 'ntdll.pdb', 'fltmgr.pdb']) {
      const located = await locate(`srv*${url}`, { ...request, name })
      expect(located.attempts.at(-1)).toMatchObject({
        outcome: 'unreachable',
        text: expect.stringContaining('more than 1000000 bytes'),
      })
    }
    const asked = new Set(requests.map((line) => /\/(\w+)\.pd/.exec(String(line))?.[1]))
    expect(asked.has('ntdll')).toBe(false)
    expect(asked.has('fltmgr')).toBe(false)
    expect(events.filter(({ kind }) => kind === 'silent')).toHaveLength(1)
    nothingKept()
  })

  it('that drips is given up, told of once, and not asked for the next module', async () => {
    let closed = 0
    listener = (incoming, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 })
      const drip = setInterval(() => response.write('x'), 20)
      incoming.socket.on('close', () => {
        closed++
        clearInterval(drip)
      })
    }
    for (const name of ['hal.pdb', 'disk.pdb', 'ntdll.pdb']) {
      const located = await locate(`srv*${url}`, { ...request, name })
      expect(located.attempts.at(-1)).toMatchObject({
        outcome: 'unreachable',
        text: expect.stringMatching(/only \d+ bytes within 500 ms/),
      })
    }
    expect(requests).toHaveLength(1)
    await expect.poll(() => closed).toBe(1)
    expect(events.filter(({ kind }) => kind === 'silent')).toEqual([
      { kind: 'silent', host: new URL(url).host, reason: expect.stringContaining('bytes within 500 ms') },
    ])
    expect(events.at(-2)).toMatchObject({ kind: 'download', state: 'failed' })
    nothingKept()
  })

  it('that never ends is given up after the whole time that a file may take', async () => {
    listener = (incoming, response) => {
      const flow = setInterval(() => response.write(Buffer.alloc(0x8000)), 5)
      incoming.socket.on('close', () => clearInterval(flow))
    }
    session = new SymbolSession({ defaultStore: path.join(folder, 'default'), spanMs: 200, totalMs: 500 })
    const located = await locate(`srv*${url}`)
    expect(located.attempts.at(-1)?.text).toContain('not complete within 500 ms')
  })

  it('tells of each download as its bytes come, with the size that the server says', async () => {
    serve({ [`/hal.pdb/${key}/hal.pdb`]: halBytes })
    await locate(`srv*${url}`)
    const downloads = events.filter((event) => event.kind === 'download')
    const address = `${url}/hal.pdb/${key}/hal.pdb`
    const expectedBytes = halBytes.length
    expect(downloads[0]).toEqual({
      kind: 'download',
      address,
      byteLength: 0,
      expectedBytes,
      state: 'running',
    })
    expect(downloads.at(-1)).toEqual({
      kind: 'download',
      address,
      byteLength: halBytes.length,
      expectedBytes,
      state: 'complete',
    })
    const lengths = downloads.map(({ byteLength }) => byteLength)
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
  })

  it('that speaks no TLS at an https address is unreachable, and not asked again', async () => {
    const secure = url.replace('http:', 'https:')
    const located = await locate(`srv*${secure}`)
    expect(located.attempts.at(-1)).toMatchObject({
      outcome: 'unreachable',
      text: expect.stringContaining('the connection failed'),
    })
    expect((await locate(`srv*${secure}`)).attempts.at(-1)?.text).toContain('not asked again in this session')
    expect(requests).toEqual([])
  })

  it('that drips the page of a 404 is given up as well', async () => {
    listener = (incoming, response) => {
      response.writeHead(404)
      const drip = setInterval(() => response.write('x'), 20)
      incoming.socket.on('close', () => clearInterval(drip))
    }
    const located = await locate(`srv*${url}`)
    expect(located.attempts.at(-1)?.text).toContain('no answer within 1000 ms')
    expect(requests).toHaveLength(1)
  })

  it('is not asked again for what was refused', async () => {
    serve({ [`/hal.pdb/${key}/hal.pdb`]: otherBytes })
    const first = await locate(`srv*${url}`)
    const asked = requests.length
    expect((await locate(`srv*${url}`)).attempts.at(-1)).toEqual(first.attempts.at(-1))
    expect(requests).toHaveLength(asked)
  })

  it('is given up in the middle of a download when the user interrupts', async () => {
    const controller = new AbortController()
    let closed = false
    listener = (incoming, response) => {
      incoming.socket.on('close', () => {
        closed = true
      })
      response.write(halBytes.subarray(0, 50_000), () => controller.abort())
    }
    const path = parseSymbolPath(`srv*${url}`)
    await expect(locateSymbols(request, path, session, controller.signal)).rejects.toThrow('aborted')
    await expect.poll(() => closed).toBe(true)
    expect(events.filter(({ kind }) => kind === 'silent')).toEqual([])
    nothingKept()
  })

  it('is given up at once when the user interrupts', async () => {
    const controller = new AbortController()
    listener = () => controller.abort()
    const path = parseSymbolPath(`srv*${url}`)
    await expect(locateSymbols(request, path, session, controller.signal)).rejects.toThrow('aborted')
    nothingKept()
  })

  it('mends a downstream store that holds a damaged file', async () => {
    put(`down/hal.pdb/${key}/hal.pdb`, halBytes.subarray(0, 20_000))
    serve({ [`/hal.pdb/${key}/hal.pdb`]: halBytes })
    const located = await locate(`srv*${folder}/down*${url}`)
    expect(located.attempts.map(({ outcome }) => outcome)).toEqual(['unreadable', 'found'])
    expect(readFileSync(path.join(folder, `down/hal.pdb/${key}/hal.pdb`)).equals(halBytes)).toBe(true)
    // What was there is set aside: it is not ours to delete.
    const aside = readdirSync(path.join(folder, `down/hal.pdb/${key}`)).filter((name) =>
      name.endsWith('.bad'),
    )
    expect(aside).toHaveLength(1)
    const kept = readFileSync(path.join(folder, `down/hal.pdb/${key}`, aside[0]!))
    expect(kept.equals(halBytes.subarray(0, 20_000))).toBe(true)
  })

  it('serves through the default store when the named one cannot be written', async () => {
    put('down', 'a file where the store should be')
    serve({ [`/hal.pdb/${key}/hal.pdb`]: halBytes })
    const located = await locate(`srv*${folder}/down*${url}`)
    expect(located.path).toBe(path.join(folder, `default/hal.pdb/${key}/hal.pdb`))
  })
})

// Cabinets between our reader, the test kit's writer, and two independent programs: gcab writes, cabextract reads.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { MemorySource } from '@dumpstack/bytes'
import { Cabinet } from '@dumpstack/symbols'
import { inflateRaw } from '@dumpstack/symbols/node'
import { buildCabinet, LzxEncoder, type LzxOptions } from '@dumpstack/testkit'
import { afterAll, expect, it } from 'vitest'
import { GUEST_BIN, hasTool, toolOutput } from './tools.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'cabinet-'))
afterAll(() => rmSync(folder, { recursive: true }))

const pdb = readFileSync(path.join(GUEST_BIN, 'ntkrnlmp.pdb'))
const FRAME = 32768

it.skipIf(!hasTool('gcab')).each([
  ['as they are', []],
  ['as MSZIP', ['-z']],
])('what gcab stores %s expands to what went in (needs gcab)', (_, options) => {
  const file = path.join(folder, 'stored.pdb')
  const cabinetFile = path.join(folder, 'stored.pd_')
  writeFileSync(file, pdb)
  toolOutput('gcab', ['-c', '-n', ...options, cabinetFile, file])
  const cabinet = new Cabinet(new MemorySource(readFileSync(cabinetFile)), 'stored.pd_', inflateRaw)
  expect(cabinet.files.map(({ name }) => name)).toEqual(['stored.pdb'])
  expect(Buffer.compare(Buffer.concat([...cabinet.expand(cabinet.files[0]!)]), pdb)).toBe(0)
})

const verbatim = { type: 'verbatim', byteLength: FRAME } as const
const aligned = { type: 'aligned', byteLength: 12_345 } as const
const raw = { type: 'raw', byteLength: 777 } as const
it.skipIf(!hasTool('cabextract')).each<[string, LzxOptions]>([
  ['verbatim blocks', { windowBits: 15, blocks: [verbatim] }],
  ['aligned blocks', { windowBits: 18, blocks: [aligned] }],
  ['all kinds of block', { windowBits: 16, blocks: [verbatim, raw, aligned] }],
  ['translated calls', { windowBits: 21, blocks: [aligned, verbatim], translationSize: 250_000 }],
])('the LZX of our tests with %s is LZX to cabextract too (needs cabextract)', (_, options) => {
  const blocks = new LzxEncoder(pdb, options).frames().map((packed, i) => ({
    packed,
    byteLength: Math.min(FRAME, pdb.length - i * FRAME),
  }))
  const cabinet = buildCabinet({
    name: 'out.pdb',
    byteLength: pdb.length,
    typeCompress: 3 | (options.windowBits << 8),
    blocks,
  })
  const cabinetFile = path.join(folder, 'lzx.pd_')
  writeFileSync(cabinetFile, cabinet)
  toolOutput('cabextract', ['-q', '-d', folder, cabinetFile])
  expect(Buffer.compare(readFileSync(path.join(folder, 'out.pdb')), pdb)).toBe(0)
  const ours = new Cabinet(new MemorySource(cabinet), 'lzx.pd_', inflateRaw)
  expect(Buffer.compare(Buffer.concat([...ours.expand(ours.files[0]!)]), pdb)).toBe(0)
})

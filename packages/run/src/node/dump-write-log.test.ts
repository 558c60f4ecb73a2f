// The file is read with offsets written out here, as docs/formats/dump-writes.md gives them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { MemorySource } from '@dumpstack/bytes'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readDumpWrites } from '../dump-writes.ts'
import { DumpWriteLog } from './dump-write-log.ts'
import { OwnedFolder } from './owned-folder.ts'

let root: string
let owned: OwnedFolder
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'dump-write-log-'))
  owned = OwnedFolder.mark(root)
})
afterEach(() => {
  owned.close()
  rmSync(root, { recursive: true })
})

it('keeps each write of a crash beside its dump, in one file a dump', () => {
  const log = new DumpWriteLog(owned, null)
  log.write(1, 2, 3, 512, 4, 1) // no crash has begun
  log.event({ kind: 'begin', step: 'crash', dump: 'full' })
  const count = 5000
  for (let index = 0; index < count; index++)
    log.write(2 ** 40 + index, 2 ** 33 + 128 * index, 128, 512, 0x123456789 + index, index === 7 ? 4 : 1)
  log.event({ kind: 'end', step: 'crash', dump: 'full', verdict: 'pass', seconds: 0 })
  log.event({ kind: 'begin', step: 'crash', dump: 'mini' })
  log.close()

  const bytes = readFileSync(path.join(root, 'full/writes.bin'))
  expect(bytes.byteLength).toBe(16 + 32 * count)
  expect([bytes.toString('latin1', 0, 8), bytes.readUInt32LE(8), bytes.readUInt32LE(12)]).toEqual([
    'DSWRITES',
    1,
    32,
  ])
  for (const index of [0, 7, 2046, 2047, 2048, count - 1]) {
    const at = 16 + 32 * index
    expect([
      bytes.readBigUInt64LE(at),
      bytes.readBigUInt64LE(at + 8),
      bytes.readBigUInt64LE(at + 16),
      bytes.readUInt32LE(at + 24),
      bytes.readUInt16LE(at + 28),
      bytes.readUInt16LE(at + 30),
    ]).toEqual([
      2n ** 40n + BigInt(index),
      2n ** 33n + 128n * BigInt(index),
      0x123456789n + BigInt(index),
      128,
      512,
      index === 7 ? 4 : 1,
    ])
  }
  expect(readFileSync(path.join(root, 'mini/writes.bin')).byteLength).toBe(16)
  const writes = readDumpWrites(new MemorySource(bytes), 'writes.bin')
  expect(writes.count).toBe(count)
  for (const index of [0, 7, 2047, 2048, count - 1]) {
    const found = [writes.atNs, writes.lba, writes.sectorCount, writes.sectorBytes, writes.srbStatus]
    expect(found.map((column) => column[index])).toEqual([
      2 ** 40 + index,
      2 ** 33 + 128 * index,
      128,
      512,
      index === 7 ? 4 : 1,
    ])
  }
  expect(owned.isMade('full/writes.bin')).toBe(true)
})

it('says after the crash that the host took no more', () => {
  const log = new DumpWriteLog(owned, 'mid-body')
  const failing = Object.assign(new Error('no space left on device'), {
    code: 'ENOSPC',
    errno: -28,
    syscall: 'write',
  })
  log.event({ kind: 'begin', step: 'crash', dump: 'full' })
  owned.write = () => {
    throw failing
  }
  for (let index = 0; index < 3000; index++) log.write(index, 0, 128, 512, 0, 1)
  expect(() => log.event({ kind: 'end', step: 'crash', dump: 'full', verdict: 'pass', seconds: 0 })).toThrow(
    /cannot write .*mid-body\/full\/writes\.bin/,
  )
})

it('reads the whole records of a file that a kill cut off, and no file of another kind', () => {
  const bytes = new Uint8Array(16 + 3 * 32 - 1)
  bytes.set([...Buffer.from('DSWRITES'), 1, 0, 0, 0, 32])
  expect(readDumpWrites(new MemorySource(bytes), 'writes.bin').count).toBe(2)
  expect(readDumpWrites(new MemorySource(bytes.subarray(0, 16)), 'writes.bin').count).toBe(0)
  bytes[8] = 2
  const expected = 'expected DSWRITES, format 1, records of 32 bytes'
  for (const [file, at] of [
    [bytes, 8],
    [bytes.subarray(0, 5), 5],
    [new Uint8Array(0), 0],
  ] as const)
    expect(() => readDumpWrites(new MemorySource(file), 'w')).toThrow(
      `w: byte ${at} is not that of a record of writes, ${expected}`,
    )
})

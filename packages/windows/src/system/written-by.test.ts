import { gpa } from '@dumpstack/bytes'
import type { DmaLog, DmaRecord } from '@dumpstack/machine'
import { expect, it } from 'vitest'
import { writtenBy } from './written-by.ts'

// File bytes 0..8191 lie at partition offset 20480, bytes 8192..12287 at 4096; the partition starts at 1000 * 512.
const extents = [
  { fileOffset: 0, partitionOffset: 20480, byteLength: 8192 },
  { fileOffset: 8192, partitionOffset: 4096, byteLength: 4096 },
]
const PARTITION = 512_000
const log = (...records: Pick<DmaRecord, 'device' | 'diskOffset' | 'byteLength'>[]): DmaLog => ({
  length: records.length,
  at: (index) => ({ ...records[index]!, disk: 'disk0', direction: 'toDisk', gpa: gpa(0), atNs: 0 }),
  clear: () => {},
})

it('maps transfers back to file offsets and joins what one device wrote', () => {
  const records = log(
    { device: 'ahci0', diskOffset: PARTITION + 20480, byteLength: 4096 },
    { device: 'ahci0', diskOffset: PARTITION + 24576, byteLength: 4096 },
    { device: 'ahci0', diskOffset: PARTITION + 4096, byteLength: 4096 },
  )
  expect(writtenBy(records, extents, PARTITION, 12288)).toEqual([
    { fileOffset: 0, byteLength: 12288, device: 'ahci0' },
  ])
})

it('gives a byte to its last writer, and to no device where no transfer reached it', () => {
  const records = log(
    { device: 'ahci0', diskOffset: PARTITION + 16384, byteLength: 8192 },
    { device: 'ahci1', diskOffset: PARTITION + 20480, byteLength: 512 },
  )
  expect(writtenBy(records, extents, PARTITION, 10000)).toEqual([
    { fileOffset: 0, byteLength: 512, device: 'ahci1' },
    { fileOffset: 512, byteLength: 3584, device: 'ahci0' },
    { fileOffset: 4096, byteLength: 5904, device: 'none' },
  ])
})

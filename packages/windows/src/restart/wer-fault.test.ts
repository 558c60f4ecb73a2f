import type { DiskImage } from '@dumpstack/machine'
import { describe, expect, it } from 'vitest'
import { MemoryHostFolder } from '../volume/host-folder.ts'
import { Volume } from '../volume/volume.ts'
import { diskRanges } from '../volume/volume-bytes.ts'
import { keepsMemoryDump } from './retention.ts'
import { DumpCopy, type DumpCopyOptions } from './wer-fault.ts'

const MIB = 1024 * 1024
const TMP = 'C:\\DUMP0001.tmp'
const DUMP = 'C:\\Windows\\MEMORY.DMP'
const BYTES = 10 * MIB + 4096

/** A volume whose temporary dump holds, at each file offset, bytes that tell where they belong. */
function crashed(options: Partial<DumpCopyOptions> = {}) {
  const bytes = new Uint8Array(64 * MIB)
  const image: DiskImage = {
    byteLength: bytes.byteLength,
    read: (offset, into) => into.set(bytes.subarray(offset, offset + into.byteLength)),
    write: () => {},
    sync: () => {},
    close: () => {},
  }
  const partition = { offset: MIB, byteLength: 62 * MIB, diskGuid: '', partitionGuid: '' }
  const volume = new Volume(partition, 3)
  const from = volume.createPageFile(TMP, BYTES, 0)
  const content = new Uint8Array(BYTES)
  for (let index = 0; index < BYTES; index++) content[index] = (index >> 12) ^ index
  for (const range of diskRanges(from.extents, partition.offset, 0, BYTES)) {
    bytes.set(content.subarray(range.fileOffset, range.fileOffset + range.byteLength), range.diskOffset)
  }
  const host = new MemoryHostFolder()
  const make = () =>
    new DumpCopy({ volume, image, host, from, to: DUMP, overwrite: true, startedAt: 1000, ...options })
  return { volume, host, content, make }
}
const turn = async (): Promise<void> => {}

describe("WerFault's copy", () => {
  it('gives the dump its name once the time has passed, byte for byte, and removes the temporary file', async () => {
    const { volume, host, content, make } = crashed()
    const copy = make()
    const percents: number[] = []
    await copy.run((percent) => percents.push(percent), turn)
    expect(volume.find(DUMP)?.locked).toBe(true)
    expect(host.names).toEqual(['C/Windows/MEMORY.DMP.part'])
    expect(copy.settle(copy.doneAt! - 1)).toBe(false)
    expect(copy.settle(copy.doneAt!)).toBe(true)
    expect(copy.state).toBe('done')
    expect(volume.find(DUMP)).toMatchObject({ locked: false, byteLength: BYTES, modifiedAt: copy.doneAt })
    expect(volume.find(TMP)).toBeNull()
    const copied = new Uint8Array(BYTES)
    host.open('C/Windows/MEMORY.DMP').read(0, copied)
    expect(Buffer.compare(copied, content)).toBe(0)
    expect(percents.at(-1)).toBe(100)
    expect(copy.settle(copy.doneAt!)).toBe(false)
  })

  it('stays locked as long as it is told', () => {
    const copy = crashed({ lockedMs: 240_000 }).make()
    expect(copy.doneAt).toBe(241_000)
  })

  it('that fails leaves the temporary file and nothing else', async () => {
    const { volume, host, make } = crashed({ failAfterBytes: BYTES / 2 })
    const copy = make()
    await copy.run(() => {}, turn)
    expect(volume.find(DUMP)?.locked).toBe(true)
    copy.settle(copy.doneAt!)
    expect(copy.state).toBe('failed')
    expect([volume.find(DUMP), volume.find(TMP)?.byteLength]).toEqual([null, BYTES])
    expect(host.names).toEqual([])
  })

  it('that is stopped leaves the temporary file and nothing else', async () => {
    const { volume, host, make } = crashed()
    const stop = async (): Promise<void> => {
      throw new Error('stopped')
    }
    await expect(make().run(() => {}, stop)).rejects.toThrow('stopped')
    expect([volume.find(DUMP), volume.find(TMP)?.byteLength]).toEqual([null, BYTES])
    expect(host.names).toEqual([])
  })

  it.each([
    ['the old file is read-only', true, true],
    ['Overwrite is 0', false, false],
  ])('does not start where %s', (_, readOnly, overwrite) => {
    const { volume, make } = crashed({ overwrite })
    volume.create(DUMP, 4096, 5)
    volume.setAttributes(DUMP, { readOnly })
    const copy = make()
    expect([copy.state, copy.doneAt, copy.settle(1e9)]).toEqual(['failed', null, false])
    expect(volume.find(DUMP)).toMatchObject({ byteLength: 4096, modifiedAt: 5 })
  })

  // covers: KIT-72
  it('does not start where the disk has no room for both files', () => {
    const { volume, make } = crashed()
    volume.create('C:\\big', volume.freeBytes - 8 * MIB, 0)
    expect(make().state).toBe('failed')
    expect(volume.find(TMP)).not.toBeNull()
  })
})

it.each([
  ['WinNt', false, false, 26, true],
  ['WinNt', false, false, 25, false],
  ['WinNt', false, true, 1, true],
  ['WinNt', true, false, 1, true],
  ['Server', false, false, 1, true],
  ['Server', true, true, 26, true],
] as const)(
  '%s, of a domain: %s, AlwaysKeepMemoryDump: %s, %i GiB free: the dump stays: %s',
  (productType, isDomainMember, alwaysKeepMemoryDump, gib, stays) => {
    const freeBytes = gib * 1024 ** 3
    expect(keepsMemoryDump({ productType, isDomainMember, alwaysKeepMemoryDump, freeBytes })).toBe(stays)
  },
)

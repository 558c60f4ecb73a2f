import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Volume } from './volume.ts'
import { diskRanges } from './volume-bytes.ts'

const MIB = 1024 * 1024
const partition = { offset: MIB, byteLength: 1024 * MIB, diskGuid: '', partitionGuid: '' }
const PAGE_FILE = 'C:\\pagefile.sys'

describe('a page file', () => {
  // covers: KIT-44
  it('lies in pieces that are not in order, with gaps, and is the same for the same seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3 * 4096, max: 200 * MIB }), fc.nat(), (byteLength, seed) => {
        const { extents, ...file } = new Volume(partition, seed).createPageFile(PAGE_FILE, byteLength, 0)
        expect(extents.length).toBeGreaterThanOrEqual(3)
        let fileOffset = 0
        for (const extent of extents) {
          expect(extent.fileOffset).toBe(fileOffset)
          expect(extent.byteLength % 4096).toBe(0)
          expect(extent.byteLength).toBeGreaterThan(0)
          fileOffset += extent.byteLength
        }
        expect(file.byteLength).toBe(fileOffset)
        expect(file.byteLength).toBe(Math.floor(byteLength / 4096) * 4096)
        if (byteLength >= MIB) expect(extents.at(-1)!.fileOffset).toBeLessThanOrEqual(byteLength / 8)
        const onDisk = extents.toSorted((a, b) => a.partitionOffset - b.partitionOffset)
        expect(onDisk.map((extent) => extent.fileOffset)).not.toEqual(extents.map((e) => e.fileOffset))
        for (let i = 1; i < onDisk.length; i++) {
          const before = onDisk[i - 1]!
          expect(onDisk[i]!.partitionOffset).toBeGreaterThan(before.partitionOffset + before.byteLength)
        }
        const again = new Volume(partition, seed).createPageFile(PAGE_FILE, byteLength, 0)
        expect(again.extents).toEqual(extents)
      }),
    )
  })

  it('that does not fit is refused with both sizes', () => {
    const volume = new Volume(partition, 1)
    expect(() => volume.createPageFile(PAGE_FILE, 2048 * MIB, 0)).toThrow(
      `C: has ${1023 * MIB} bytes free, expected ${2048 * MIB} for C:\\pagefile.sys`,
    )
  })

  it('of fewer than three clusters is refused', () => {
    const volume = new Volume(partition, 1)
    expect(() => volume.createPageFile(PAGE_FILE, 3 * 4096 - 1, 0)).toThrow(
      'page file C:\\pagefile.sys is 12287 bytes, expected at least 12288',
    )
  })

  it('cut to the size of its dump gives the other clusters back and keeps its first bytes', () => {
    const volume = new Volume(partition, 5)
    const free = volume.freeBytes
    const file = volume.createPageFile(PAGE_FILE, 64 * MIB, 0)
    const before = [...diskRanges(file.extents, partition.offset, 0, 40 * MIB + 1)]
    volume.truncate(PAGE_FILE, 40 * MIB + 1, 7)
    const dump = volume.rename(PAGE_FILE, 'C:\\DUMP0001.tmp')
    expect(volume.find(PAGE_FILE)).toBeNull()
    expect([...diskRanges(dump.extents, partition.offset, 0, dump.byteLength)]).toEqual(before)
    expect(volume.freeBytes).toBe(free - 40 * MIB - 4096)
  })

  it('of a later start lies elsewhere while the old one stays as a dump', () => {
    const volume = new Volume(partition, 5)
    volume.createPageFile(PAGE_FILE, 64 * MIB, 0)
    const old = volume.rename(PAGE_FILE, 'C:\\DUMP0001.tmp')
    const next = volume.createPageFile(PAGE_FILE, 64 * MIB, 0)
    for (const a of old.extents) {
      for (const b of next.extents) {
        const apart =
          a.partitionOffset + a.byteLength <= b.partitionOffset ||
          b.partitionOffset + b.byteLength <= a.partitionOffset
        expect(apart).toBe(true)
      }
    }
  })
})

describe('an ordinary file', () => {
  it('takes space, is found without regard to case, and gives the space back', () => {
    const volume = new Volume(partition, 1)
    const free = volume.freeBytes
    volume.create('C:\\Windows\\MEMORY.DMP', 5000, 42)
    expect(volume.find('c:\\windows\\memory.dmp')).toMatchObject({ byteLength: 5000, onDisk: false })
    expect(volume.freeBytes).toBe(free - 8192)
    volume.delete('C:\\WINDOWS\\MEMORY.DMP')
    expect(volume.freeBytes).toBe(free)
  })

  it('is not deleted while it is read-only or locked', () => {
    const volume = new Volume(partition, 1)
    volume.create('C:\\a', 1, 0)
    volume.setAttributes('C:\\a', { readOnly: true })
    expect(() => volume.delete('C:\\a')).toThrow('C:\\a is read-only and cannot be deleted')
    volume.setAttributes('C:\\a', { readOnly: false, locked: true })
    expect(() => volume.delete('C:\\a')).toThrow('C:\\a is open without sharing')
  })
})

it('the manifest says what the volume is not, and where each file lies on the disk', () => {
  const volume = new Volume(partition, 1)
  const file = volume.createPageFile(PAGE_FILE, 3 * 4096, 1_704_067_200_000)
  expect(volume.manifest('disk.img')).toMatchObject({
    notice: expect.stringContaining('not NTFS'),
    image: 'disk.img',
    files: [
      {
        path: PAGE_FILE,
        onDisk: true,
        modifiedAt: '2024-01-01T00:00:00.000Z',
        extents: file.extents.map((extent) => ({
          fileOffset: extent.fileOffset,
          diskOffset: MIB + extent.partitionOffset,
          length: extent.byteLength,
        })),
      },
    ],
  })
})

describe('a volume over a power off', () => {
  const used = (): Volume => {
    const volume = new Volume(partition, 5)
    volume.createPageFile(PAGE_FILE, 40 * MIB, 1)
    volume.create('C:\\a', 5000, 2)
    volume.createPageFile('C:\\b', 3 * MIB, 3)
    volume.delete('C:\\a')
    volume.truncate('C:\\b', MIB + 1, 4)
    volume.create('C:\\c', 1, 5)
    return volume
  }

  it('is the same one: its files, its free space, and where the next page file goes', () => {
    const before = used()
    const after = new Volume(partition, 5, before.saved())
    expect(after.files).toEqual(before.files)
    expect(after.freeBytes).toBe(before.freeBytes)
    expect(after.createPageFile('C:\\d', 64 * MIB, 6)).toEqual(before.createPageFile('C:\\d', 64 * MIB, 6))
    expect(after.create('C:\\e', 9 * MIB, 7)).toEqual(before.create('C:\\e', 9 * MIB, 7))
  })

  it('is never one whose files cannot lie so', () => {
    const saved = used().saved()
    const [file, ...others] = saved.files
    const extents = file!.extents
    for (const bad of [
      [file!, file!],
      [{ ...file!, byteLength: 1 }],
      [{ ...file!, extents: extents.slice(1) }],
      [{ ...file!, extents: [...extents].reverse() }],
      [{ ...file!, extents: extents.map((extent) => ({ ...extent, partitionOffset: 1024 * MIB })) }],
      [{ ...file!, extents: [{ ...extents[0]!, byteLength: 1 }] }],
    ]) {
      expect(() => new Volume(partition, 5, { ...saved, files: [...others, ...bad] })).toThrow(
        expect.objectContaining({ code: 'VOLUME_DAMAGED' }),
      )
    }
  })

  it('is not kept while a file is open', () => {
    const volume = used()
    volume.setAttributes('C:\\c', { locked: true })
    expect(() => volume.saved()).toThrow('C:\\c is open without sharing')
  })

  it('finds free space apart from a file that is gone', () => {
    const volume = new Volume(partition, 5)
    const gone = volume.createPageFile(PAGE_FILE, 400 * MIB, 0)
    volume.delete(PAGE_FILE)
    const plain = volume.findFreeDiskOffset(MIB, null)
    const apart = volume.findFreeDiskOffset(MIB, gone) - partition.offset
    expect(plain - partition.offset).toBe(256 * MIB)
    for (const { partitionOffset, byteLength } of gone.extents) {
      expect(apart + MIB <= partitionOffset || partitionOffset + byteLength <= apart).toBe(true)
    }
  })
})

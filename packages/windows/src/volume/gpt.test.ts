// The partition table is judged by tools that we did not write: sgdisk or util-linux, and zlib for the checksum.
import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryDiskImage } from '@dumpstack/machine'
import { afterAll, describe, expect, it } from 'vitest'
import { crc32, partitionDisk } from './gpt.ts'

const GIB = 1024 ** 3
const folder = mkdtempSync(join(tmpdir(), 'gpt-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The disk as a sparse file: a tool sees only its ends. */
function fileOf(image: MemoryDiskImage, name: string): string {
  const path = join(folder, name)
  const file = openSync(path, 'w')
  ftruncateSync(file, image.byteLength)
  for (const offset of [0, image.byteLength - 1024 * 1024]) {
    const part = new Uint8Array(1024 * 1024)
    image.read(offset, part)
    writeSync(file, part, 0, part.byteLength, offset)
  }
  closeSync(file)
  return path
}
function installed(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function partitioned(logicalSectorBytes: number) {
  const image = new MemoryDiskImage(32 * GIB)
  const disk = { image, logicalSectorBytes, sectorCount: (32 * GIB) / logicalSectorBytes }
  return { image, disk, partition: partitionDisk(disk, 7) }
}

describe('the partition table', () => {
  it('has the CRC-32 that every tool computes', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
  })

  it.each([512, 4096])('places its headers by the specification on a disk of %i-byte sectors', (sector) => {
    const { image, partition } = partitioned(sector)
    const last = image.byteLength - sector
    const primary = new DataView(new ArrayBuffer(92))
    image.read(sector, new Uint8Array(primary.buffer))
    const backup = new DataView(new ArrayBuffer(92))
    image.read(last, new Uint8Array(backup.buffer))
    expect(primary.getBigUint64(0, false)).toBe(0x4546492050415254n)
    expect(backup.getBigUint64(0, false)).toBe(0x4546492050415254n)
    expect(primary.getBigUint64(32, true)).toBe(BigInt(last / sector))
    expect(backup.getBigUint64(24, true)).toBe(BigInt(last / sector))
    expect(primary.getBigUint64(40, true)).toBe(BigInt(2 + 16384 / sector))
    expect(partition.offset).toBe(1024 * 1024)
    expect(partition.byteLength % (1024 * 1024)).toBe(0)
  })

  it('is the same for the same seed', () => {
    expect(partitioned(512).partition).toEqual(partitioned(512).partition)
  })

  it('refuses a disk without room, naming its size', () => {
    const image = new MemoryDiskImage(1024 * 1024)
    expect(() => partitionDisk({ image, logicalSectorBytes: 512, sectorCount: 2048 }, 1)).toThrow(
      'disk of 1048576 bytes has no room for a partition at 1 MiB',
    )
  })

  it.skipIf(!installed('sgdisk'))('is found whole by sgdisk (needs gdisk)', () => {
    const { image, partition } = partitioned(512)
    const path = fileOf(image, 'sgdisk.img')
    expect(execFileSync('sgdisk', ['--verify', path], { encoding: 'utf8' })).toContain('No problems found')
    const shown = execFileSync('sgdisk', ['--info=1', path], { encoding: 'utf8' })
    expect(shown).toContain('EBD0A0A2-B9E5-4433-87C0-68B6B72699C7')
    expect(shown).toContain(partition.partitionGuid)
    expect(shown).toContain('First sector: 2048')
  })

  it.skipIf(!installed('partx'))('is read alike by partx (needs util-linux)', () => {
    for (const sector of [512, 4096]) {
      const { image, partition } = partitioned(sector)
      const path = fileOf(image, `partx-${sector}.img`)
      const columns = ['--raw', '--noheadings', '--output', 'START,SECTORS,TYPE,UUID,NAME']
      const shown = execFileSync('partx', [...columns, '--sector-size', `${sector}`, path], {
        encoding: 'utf8',
      })
      const [start, sectors, type, uuid] = shown.trim().split(' ')
      // partx counts in 512-byte units whatever the sector size of the disk is.
      expect(Number(start) * 512).toBe(partition.offset)
      expect(Number(sectors) * 512).toBe(partition.byteLength)
      expect(type).toBe('ebd0a0a2-b9e5-4433-87c0-68b6b72699c7')
      expect(uuid?.toUpperCase()).toBe(partition.partitionGuid)
    }
  })
})

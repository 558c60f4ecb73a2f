import { MemoryDiskImage } from '@dumpstack/machine'
import { buildDump } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { CrashControl } from '../registry/crash-control.ts'
import { Registry } from '../registry/registry.ts'
import { Volume } from '../volume/volume.ts'
import { diskRanges, VolumeFileSource } from '../volume/volume-bytes.ts'
import { createPageFiles, extractCrashDump } from './smss.ts'

const MIB = 1024 * 1024
const PAGE_FILE = 'C:\\pagefile.sys'
const REQUIRED_DUMP_SPACE = 0xfa0
const dump = buildDump({ type: 6 }).bytes

/** A system whose page file holds `content`, at a start with tick count 0x5a1234. */
function started(content: Uint8Array) {
  const image = new MemoryDiskImage(256 * MIB)
  const volume = new Volume({ offset: MIB, byteLength: 254 * MIB, diskGuid: '', partitionGuid: '' }, 1)
  const crashControl = new CrashControl(new Registry())
  crashControl.setPagingFile(16 * MIB)
  const system = { volume, image, crashControl, tickCount: 0x5a1234, now: 42 }
  const [file] = createPageFiles(system)
  for (const range of diskRanges(file!.extents, MIB, 0, content.byteLength)) {
    image.write(range.diskOffset, [content.subarray(range.fileOffset, range.fileOffset + range.byteLength)])
  }
  return system
}

// covers: KIT-45, KIT-61, KIT-73
it('cuts the page file to its dump, names it by the tick count and makes MachineCrash', () => {
  const system = started(dump)
  const free = system.volume.freeBytes
  const found = extractCrashDump(system)
  expect(found).toMatchObject({ path: 'C:\\DUMP1234.tmp', byteLength: dump.byteLength })
  expect(system.volume.find(PAGE_FILE)).toBeNull()
  expect(system.volume.freeBytes).toBeGreaterThan(free)
  expect(system.crashControl.machineCrash).toEqual({ dumpFile: 'C:\\DUMP1234.tmp', tempDestination: 1 })
  const bytes = new Uint8Array(dump.byteLength)
  new VolumeFileSource(found!, MIB, system.image).read(0, bytes)
  expect(Buffer.compare(bytes, dump)).toBe(0)
})

it('gives a new page file other clusters, without what an old dump left in them', () => {
  const system = started(dump)
  const found = extractCrashDump(system)
  const [next] = createPageFiles(system)
  const first = new Uint8Array(8)
  new VolumeFileSource(next!, MIB, system.image).read(0, first)
  expect(first).toEqual(new Uint8Array(8))
  system.volume.delete(found!.path)
  system.volume.delete(PAGE_FILE)
  const [reused] = createPageFiles(system)
  new VolumeFileSource(reused!, MIB, system.image).read(0, first)
  expect(first).toEqual(new Uint8Array(8))
})

it('does not take the name of a dump that is left over', () => {
  const system = started(dump)
  system.volume.create('C:\\DUMP1234.tmp', 4096, 0)
  expect(extractCrashDump(system)?.path).toBe('C:\\DUMP1235.tmp')
})

it('keeps the whole page file for a dump that outgrew it', () => {
  const truncated = dump.slice()
  new DataView(truncated.buffer).setBigUint64(REQUIRED_DUMP_SPACE, BigInt(20 * MIB), true)
  expect(extractCrashDump(started(truncated))?.byteLength).toBe(16 * MIB)
})

it.each([
  ['was never dumped into', new Uint8Array(0)],
  ['holds the signature and nothing else', new TextEncoder().encode('PAGEDU64')],
  ['holds a 32-bit signature', new TextEncoder().encode('PAGEDUMP')],
])('leaves a page file alone that %s', (_, content) => {
  const system = started(content)
  expect(extractCrashDump(system)).toBeNull()
  expect(system.volume.find(PAGE_FILE)).not.toBeNull()
  expect(system.crashControl.machineCrash).toBeNull()
  const before = system.volume.find(PAGE_FILE)
  expect(createPageFiles(system)).toEqual([before])
})

it('goes without a page file that does not fit', () => {
  const system = started(dump)
  system.crashControl.setPagingFile(512 * MIB)
  expect(createPageFiles(system)).toEqual([])
  expect(system.crashControl.existingPageFiles).toEqual([])
})

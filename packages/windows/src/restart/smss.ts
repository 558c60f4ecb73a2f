// The Session Manager's part of a start: it looks for a dump in the page files of the last run before it creates new
// ones (Windows Internals, 6th edition, part 2, chapter 14; SmpCheckForCrashDump).
import { type Dump, DumpError, openDump } from '@dumpstack/dumpfile'
import type { DiskImage } from '@dumpstack/machine'
import { WindowsError } from '../errors.ts'
import type { CrashControl } from '../registry/crash-control.ts'
import { CLUSTER_BYTES, type Volume, type VolumeFile } from '../volume/volume.ts'
import { VolumeFileSource } from '../volume/volume-bytes.ts'

/** Signature PAGE and ValidDump DU64: the first bytes of a 64-bit dump header. */
const VALID_DUMP = new TextEncoder().encode('PAGEDU64')

export interface SmssSystem {
  readonly volume: Volume
  readonly image: DiskImage
  readonly crashControl: CrashControl
  /** Milliseconds since this start. */
  readonly tickCount: number
  readonly now: number
}

/** The dump's file under its temporary name, cut to the dump's size; null when no page file holds one. */
export function extractCrashDump(system: SmssSystem): VolumeFile | null {
  const { volume, crashControl } = system
  for (const file of existingPageFiles(system)) {
    const dumpInFile = crashDumpIn(file, system)
    if (dumpInFile === null) continue
    const { requiredDumpSpace } = dumpInFile.header
    // A dump that outgrew its page file names more than the file holds: all of it is the dump.
    const byteLength = requiredDumpSpace < file.byteLength ? Number(requiredDumpSpace) : file.byteLength
    const name = freeName(volume, system.tickCount)
    volume.truncate(file.path, byteLength, system.now)
    const dump = volume.rename(file.path, name)
    crashControl.createMachineCrash(name)
    return dump
  }
  return null
}

type PageFiles = Pick<SmssSystem, 'volume' | 'image' | 'crashControl'>

/** Whether the next start finds a dump. */
export const holdsCrashDump = (system: PageFiles): boolean =>
  existingPageFiles(system).some((file) => crashDumpIn(file, system) !== null)

/** No start finds a dump now: what passes for one is of a start that never was. */
export function clearPageFiles(system: PageFiles): void {
  for (const file of existingPageFiles(system)) clearFirstCluster(file, system)
}

const existingPageFiles = ({ volume, crashControl }: PageFiles): VolumeFile[] =>
  crashControl.existingPageFiles.map((path) => volume.find(path)).filter((file) => file !== null)

function crashDumpIn(file: VolumeFile, { volume, image }: PageFiles): Dump | null {
  const source = new VolumeFileSource(file, volume.partition.offset, image)
  const start = new Uint8Array(CLUSTER_BYTES)
  source.read(0, start)
  return VALID_DUMP.every((byte, index) => start[index] === byte) ? openOrNull(source) : null
}

function clearFirstCluster(file: VolumeFile, { volume, image }: PageFiles): void {
  const first = volume.partition.offset + file.extents[0]!.partitionOffset
  image.write(first, [new Uint8Array(CLUSTER_BYTES)])
}

/** DUMPxxxx.tmp by the low word of the tick count; the next one where a dump of that name is left over. */
function freeName(volume: Volume, tickCount: number): string {
  for (let number = tickCount; ; number++) {
    const name = `C:\\DUMP${(number & 0xffff).toString(16).padStart(4, '0')}.tmp`
    if (volume.find(name) === null) return name
  }
}

/** null for a header that starts well and then makes no sense: such a page file is no dump. */
function openOrNull(source: VolumeFileSource): Dump | null {
  try {
    return openDump(source)
  } catch (error) {
    if (error instanceof DumpError) return null
    throw error
  }
}

/**
 * Creates the page files that PagingFiles names, keeps those of the right size, and enters them into ExistingPageFiles.
 * One that does not fit is left out, as Windows does; the dump stack then has none.
 */
export function createPageFiles(system: SmssSystem): VolumeFile[] {
  const { volume, crashControl } = system
  const files: VolumeFile[] = []
  for (const { path, byteLength } of crashControl.pagingFiles) {
    const present = volume.find(path)
    const wanted = Math.floor(byteLength / CLUSTER_BYTES) * CLUSTER_BYTES
    if (present !== null && present.byteLength === wanted) {
      files.push(present)
      continue
    }
    if (present !== null) volume.delete(path)
    try {
      const file = volume.createPageFile(path, byteLength, system.now)
      // What lay in these clusters before may be an old dump: a header left there would pass for a new one.
      clearFirstCluster(file, system)
      files.push(file)
    } catch (error) {
      if (!(error instanceof WindowsError)) throw error
    }
  }
  crashControl.existingPageFiles = files.map((file) => file.path)
  return files
}

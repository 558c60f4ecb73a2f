// What a stranger needs to take the dump from the disk image without any of our code: extents.json.
import type { PageRun, PageSet } from '@dumpstack/bytes'
import { WindowsError } from '../errors.ts'
import type { HostFolder } from '../volume/host-folder.ts'
import { diskRanges } from '../volume/volume-bytes.ts'
import type { Crash } from './crash.ts'

export const IMAGE_NAME = 'disk.img'
export const MANIFEST_NAME = 'disk.json'
export const EXTENTS_NAME = 'extents.json'

/** Offsets in bytes, on the disk from its start; the extents cover the dump's bytes and no others. */
export function extentsRecord(
  crash: Crash,
  place: { seed: number; runs: readonly PageRun[]; partitionOffset: number },
): object {
  if (crash.pageFile === null || crash.dumpByteLength === 0) {
    throw new WindowsError('NO_DUMP_ON_DISK', 'no dump was configured: the page file holds none')
  }
  const extents = diskRanges(crash.pageFile.extents, place.partitionOffset, 0, crash.dumpByteLength)
  return {
    image: IMAGE_NAME,
    seed: place.seed,
    runs: place.runs.map(plainRun),
    used: usedRuns(crash.used),
    extents: [...extents].map(({ fileOffset, diskOffset, byteLength }) => ({
      fileOffset,
      diskOffset,
      length: byteLength,
    })),
  }
}

export function writeJson(host: HostFolder, name: string, record: object): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`)
  const file = host.create(name, bytes.byteLength)
  try {
    file.write(0, bytes)
  } finally {
    file.close()
  }
}

const plainRun = (run: PageRun): object => ({ basePage: run.basePage, pageCount: run.pageCount })
const usedRuns = (used: PageSet): object[] => [...used.runs()].map(plainRun)

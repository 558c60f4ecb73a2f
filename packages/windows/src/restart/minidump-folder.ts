// C:\Windows\Minidump: what WerFault calls a new minidump, MMDDYY-<tick count>-NN, and which old ones it removes for it
// (CrashControl\MinidumpDir and MinidumpsCount; Microsoft, "Small Memory Dump").
import type { Volume, VolumeFile } from '../volume/volume.ts'

/** In the order of their last write: the oldest first. */
export function minidumps(volume: Volume, folder: string): VolumeFile[] {
  const start = `${folder}\\`.toLowerCase()
  return volume.files
    .filter(({ path }) => path.toLowerCase().startsWith(start) && /\\[^\\]+\.dmp$/i.test(path))
    .sort((a, b) => a.modifiedAt - b.modifiedAt || (a.path < b.path ? -1 : 1))
}

/** `C:\Windows\Minidump\010124-38234-01.dmp`: NN is the first number that is free. Day and time are those of UTC. */
export function newMinidumpPath(volume: Volume, folder: string, now: number, tickCount: number): string {
  const day = new Date(now).toISOString()
  const date = `${day.slice(5, 7)}${day.slice(8, 10)}${day.slice(2, 4)}`
  for (let number = 1; ; number++) {
    const path = `${folder}\\${date}-${tickCount}-${String(number).padStart(2, '0')}.dmp`
    if (volume.find(path) === null) return path
  }
}

/** The oldest ones that are too many once there are `count`; a file that is locked or read-only stays. */
export function surplusMinidumps(volume: Volume, folder: string, count: number): VolumeFile[] {
  const files = minidumps(volume, folder)
  return files
    .slice(0, Math.max(0, files.length - count))
    .filter(({ locked, readOnly }) => !locked && !readOnly)
}

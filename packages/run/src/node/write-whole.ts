// writeSync may write a part, and does so just before the disk is full.
import { writeSync } from 'node:fs'

export function writeWhole(fd: number, bytes: Uint8Array, at: number | null = null): void {
  for (let done = 0; done < bytes.byteLength; )
    done += writeSync(fd, bytes, done, bytes.byteLength - done, at === null ? null : at + done)
}

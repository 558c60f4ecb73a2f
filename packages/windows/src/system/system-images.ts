// The files of the system that symbols are asked for, as they lie on its disk: kernel and ntdll.
import type { ImageIdentity } from '@dumpstack/image'
import { parsePe } from '@dumpstack/image'
import { KERNEL_FILE, KERNEL_NAME } from '../boot/boot-kernel.ts'
import { NTDLL_FILE } from '../boot/user-processes.ts'

/** Name on disk in the guest's folder, name in the system. */
const FILES = [
  [KERNEL_FILE, KERNEL_NAME],
  [NTDLL_FILE, NTDLL_FILE],
] as const

export function systemImages(guestImages: ReadonlyMap<string, Uint8Array>): ImageIdentity[] {
  return FILES.flatMap(([file, imageName]) => {
    const bytes = guestImages.get(file)
    if (bytes === undefined) return []
    const { timeDateStamp, sizeOfImage, rsds } = parsePe(bytes)
    return [{ imageName, timeDateStamp, sizeOfImage, pdb: rsds }]
  })
}

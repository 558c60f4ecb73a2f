// What must hold before anything crashes: 20 GB free on C:, and a page file of at least RAM + 1 MB for a full dump.
import * as messages from './messages.ts'
import type { TargetDescription } from './target.ts'

const MEGABYTE = 0x100000
export const FREE_BYTES_NEEDED = 20 * 1024 * MEGABYTE
/** What a full dump takes besides RAM, by the kit's rule. */
export const PAGE_FILE_EXTRA_BYTES = MEGABYTE

export interface Message {
  readonly level: 'i' | 'x'
  readonly text: string
}

/** The messages of the step, in order; a level x is a refusal. */
export function verifyPrerequisites(target: TargetDescription): Message[] {
  const said: Message[] = [{ level: 'i', text: messages.VERIFYING_FREE_SPACE }]
  if (target.freeBytesOnC < FREE_BYTES_NEEDED) {
    said.push({ level: 'x', text: messages.freeSpaceTooSmall(target.freeBytesOnC, FREE_BYTES_NEEDED) })
  }
  said.push({ level: 'i', text: messages.VERIFYING_PAGE_FILE })
  if (target.pageFileBytes < target.ramBytes + PAGE_FILE_EXTRA_BYTES) {
    said.push(
      { level: 'x', text: messages.PAGE_FILE_TOO_SMALL },
      { level: 'i', text: messages.pageFileSize(target.pageFileBytes) },
      { level: 'i', text: messages.physicalMemorySize(target.ramBytes) },
      { level: 'i', text: messages.PAGE_FILE_ADVICE },
    )
  }
  return said
}

/** `mem+N`: RAM in MiB rounded up, plus N. */
export const memPlus = (ramBytes: number, megabytes: number): number =>
  (Math.ceil(ramBytes / MEGABYTE) + megabytes) * MEGABYTE

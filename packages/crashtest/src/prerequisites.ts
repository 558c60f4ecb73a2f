// What must hold before anything crashes: 20 GB free on C:, and a page file of at least RAM + 1 MB for a full dump.
import type { TargetDescription } from '@dumpstack/target'
import * as messages from './messages.ts'

const MEGABYTE = 0x100000
export const FREE_BYTES_NEEDED = 20 * 1024 * MEGABYTE
/** What a full dump takes besides RAM, by the kit's rule. */
const PAGE_FILE_EXTRA_BYTES = MEGABYTE

/** The messages of the step, in order; a level x is a refusal. */
export function verifyPrerequisites(target: TargetDescription): messages.Message[] {
  const said: messages.Message[] = [messages.VERIFYING_FREE_SPACE]
  if (target.freeBytesOnC < FREE_BYTES_NEEDED) {
    said.push(messages.freeSpaceTooSmall(target.freeBytesOnC, FREE_BYTES_NEEDED))
  }
  said.push(messages.VERIFYING_PAGE_FILE)
  if (target.pageFileBytes < target.ramBytes + PAGE_FILE_EXTRA_BYTES) {
    said.push(
      messages.PAGE_FILE_TOO_SMALL,
      messages.pageFileSize(target.pageFileBytes),
      messages.physicalMemorySize(target.ramBytes),
      messages.PAGE_FILE_ADVICE,
    )
  }
  return said
}

/** `mem+N`: RAM in MiB rounded up, plus N. */
export const memPlus = (ramBytes: number, megabytes: number): number =>
  (Math.ceil(ramBytes / MEGABYTE) + megabytes) * MEGABYTE

// RAM of a guest as a hypervisor wrote it to a file: flat, with offset = guest-physical address (QEMU pmemsave), or an ELF core.
// Any other format is refused by its name, with what to type instead.
import { type ByteSource, hex, PAGE_SIZE } from '@dumpstack/bytes'
import { DumpError } from '../dump-error.ts'
import { startsWith, strangerOf } from '../recognise.ts'
import { readElfCore } from './elf-core.ts'
import { GuestMemory } from './guest-memory.ts'

const ELF = '\x7fELF'
const START_BYTES = 32

/** First bytes of other files that hold a guest's memory. */
const OTHERS: ReadonlyArray<readonly [start: string, what: string]> = [
  ['KDUMP   ', 'a kdump-compressed core'],
  ['makedumpfile', 'a kdump-compressed core, flattened by makedumpfile'],
  ['DISKDUMP', 'a diskdump core'],
  ['PAGEDU64', 'a Windows crash dump'],
  ['PAGEDUMP', 'a 32-bit Windows crash dump'],
  ['LibvirtQemudSave', 'a saved domain of libvirt'],
  ['LibvirtQemudPart', 'a saved domain of libvirt, not complete'],
  ['QEVM', 'a migration stream of QEMU, as virsh dump without --memory-only writes it'],
  ['EMiL', 'a LiME image'],
  ['AVML', 'an AVML image'],
]
const INSTEAD =
  'write the RAM by dump-guest-memory FILE (no -z, -l, -s or -w), by virsh dump --memory-only --format=elf, or flat by pmemsave 0 SIZE "FILE"'

/** Reads nothing but headers. Throws DumpError for a file that is of another format, or not whole. */
export function openGuestMemory(source: ByteSource): GuestMemory {
  const start = new Uint8Array(START_BYTES)
  const bytes = start.subarray(0, source.read(0, start))
  const isElf = startsWith(bytes, ELF)
  const what = OTHERS.find(([text]) => startsWith(bytes, text))?.[1] ?? (isElf ? null : strangerOf(bytes))
  if (what !== null)
    throw new DumpError('GUEST_MEMORY_FORMAT', `the file is ${what}: ${INSTEAD}`, { offset: 0 })
  if (isElf) return new GuestMemory('ELF core', source, readElfCore(source))
  const { byteLength } = source
  if (byteLength === 0 || byteLength % PAGE_SIZE !== 0) {
    throw new DumpError(
      'GUEST_MEMORY_TRUNCATED',
      `a flat file of guest memory ends at offset ${hex(byteLength)}, expected whole pages, at least one`,
      { offset: byteLength },
    )
  }
  return new GuestMemory('raw', source, [{ gpa: 0, offset: 0, byteLength }])
}

// What the kit's Crashdump Support Test says, verbatim and at its level (its reference page, "Troubleshooting"), and our own
// sentences in the same voice. Each stands here once.
import { hex } from '@dumpstack/bytes'
import type { DumpType } from '@dumpstack/target'

export interface Message {
  /** Information, or what went wrong: the kit's (i) and (x). */
  readonly level: 'i' | 'x'
  readonly text: string
}

export const info = (text: string): Message => ({ level: 'i', text })
export const complaint = (text: string): Message => ({ level: 'x', text })

export type Say = (message: Message) => void

/** As the log has it: `(i) Verifying paging file size.` */
export const messageLine = ({ level, text }: Message): string => `(${level}) ${text}`

export const VERIFYING_PAGE_FILE = info('Verifying paging file size.')
export const PAGE_FILE_TOO_SMALL = complaint('Paging file size is too small for full dump purposes.')
export const PAGE_FILE_ADVICE = info('Please configure minimum paging file size to physical RAM size + 1MB.')
export const pageFileSize = (bytes: number): Message => info(`Paging file size: ${bytes}`)
export const physicalMemorySize = (bytes: number): Message => info(`Physical memory size: ${bytes}`)
export const connectingTo = (path: string): Message => info(`Connecting to DumpFile: ${path}`)
/** Information only: the test tries again. */
export const IN_USE = info('Dump file is being used by another process. HRESULT: 0x80070020')
export const IN_USE_ADVICE = info(
  'Usually memory.dmp is still being written due to large RAM, retry after 5 minutes.',
)

export const VERIFYING_FREE_SPACE = info('Verifying free disk space on C:.')
export const freeSpaceTooSmall = (found: number, expected: number): Message =>
  complaint(`Free disk space on C: is too small. Found: ${found} bytes. Expected: ${expected} bytes (20 GB).`)
export const OLD_DUMP_NOT_DELETED = complaint(
  'The old dump file C:\\Windows\\MEMORY.DMP could not be deleted.',
)
/** Why it cannot is a finding of its own. */
export const cannotOpen = (hresult: number): Message =>
  info(`Dump file cannot be opened. HRESULT: 0x${hresult.toString(16).toUpperCase()}`)
export const changedHresult = (first: number, then: number): Message =>
  info(
    `The HRESULT changed from 0x${first.toString(16).toUpperCase()} to 0x${then.toString(16).toUpperCase()}: ` +
      'the process that held the dump file has left none.',
  )

/** Does not fail the test by itself: part of the symbols may suffice. */
export const SYMBOLS_NOT_LOADED = complaint('Failed to load the correct symbols.')
export const SYMBOLS_ADVICE = info(
  'Please refer to WDK documentation on how to install operating system symbols.',
)
export const SYMBOLS_OUT_OF_DATE = info(
  'Your symbols might also be out of date, please update symbols by using the Microsoft Symbol Server.',
)
/** `names` with their module: `nt!PsLoadedModuleList`. */
export const errorRetrievingAddresses = (names: readonly string[]): Message =>
  complaint(`Error retrieving addresses of ${names.join(', ')}.`)
export const unableToGet = (what: string): Message => complaint(`Unable to get ${what}.`)

/** `command` opens a dump of the moment in which a driver file ended its dump. */
export const debugWith = (command: string, deviceExtension: bigint | null): Message =>
  info(
    `To see the driver where it stopped: ${command}${deviceExtension === null ? '' : ` (its device extension is at ${hex(deviceExtension)})`}`,
  )

const NO_RAM = info(
  'The RAM of this crash is not available: the dump is judged by its own contents and by the debugger.',
)
/** What an examination of a dump from elsewhere judges, and what only more than the dump could tell. */
export const withoutRam = (type: DumpType): readonly Message[] => [
  NO_RAM,
  info(
    `Not judged: whether the ${type === 'mini' ? 'blocks' : 'pages'} hold what RAM held and none is missing, which controller wrote them, ` +
      'which dump mode rules its driver kept, and whether the file is that of the last crash.',
  ),
  ...(type === 'mini'
    ? []
    : [info('With RAM that the hypervisor wrote at the blue screen (--ram FILE), every page is compared.')]),
]
export const COMPARING_WITH_RAM = info(
  'Every page of the dump is compared with the RAM from outside. Not judged: which controller wrote the pages, and which dump mode rules its driver kept.',
)

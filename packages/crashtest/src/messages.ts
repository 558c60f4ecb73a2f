// What the kit's Crashdump Support Test says, verbatim (its reference page, "Troubleshooting"), and our own sentences
// in the same voice. Each stands here once; a message is level i (information) or x (failure).

export const VERIFYING_PAGE_FILE = 'Verifying paging file size.'
export const PAGE_FILE_TOO_SMALL = 'Paging file size is too small for full dump purposes.'
export const PAGE_FILE_ADVICE = 'Please configure minimum paging file size to physical RAM size + 1MB.'
export const pageFileSize = (bytes: number): string => `Paging file size: ${bytes}`
export const physicalMemorySize = (bytes: number): string => `Physical memory size: ${bytes}`
export const connectingTo = (path: string): string => `Connecting to DumpFile: ${path}`
export const IN_USE = 'Dump file is being used by another process. HRESULT: 0x80070020'
export const IN_USE_ADVICE =
  'Usually memory.dmp is still being written due to large RAM, retry after 5 minutes.'

export const VERIFYING_FREE_SPACE = 'Verifying free disk space on C:.'
export const freeSpaceTooSmall = (found: number, expected: number): string =>
  `Free disk space on C: is too small. Found: ${found} bytes. Expected: ${expected} bytes (20 GB).`
export const OLD_DUMP_NOT_DELETED = 'The old dump file C:\\Windows\\MEMORY.DMP could not be deleted.'
export const cannotOpen = (hresult: number): string =>
  `Dump file cannot be opened. HRESULT: 0x${hresult.toString(16).toUpperCase()}`
export const changedHresult = (first: number, then: number): string =>
  `The HRESULT changed from 0x${first.toString(16).toUpperCase()} to 0x${then.toString(16).toUpperCase()}: ` +
  'the dump file could not be written.'

export const SYMBOLS_NOT_LOADED = 'Failed to load the correct symbols.'
export const SYMBOLS_ADVICE = 'Please refer to WDK documentation on how to install operating system symbols.'
export const SYMBOLS_OUT_OF_DATE =
  'Your symbols might also be out of date, please update symbols by using the Microsoft Symbol Server.'
/** `names` with their module: `nt!PsLoadedModuleList`. */
export const errorRetrievingAddresses = (names: readonly string[]): string =>
  `Error retrieving addresses of ${names.join(', ')}.`
export const unableToGet = (what: string): string => `Unable to get ${what}.`

export const NO_TRUTH =
  'The RAM of this crash is not at hand: the dump is judged by its own words and by the debugger.'

// HRESULT values that the test prints (MS-ERREF, section 2.1.1): facility WIN32 is 0x8007 and the Win32 error.
export const HRESULT_FILE_NOT_FOUND = 0x8007_0002
export const HRESULT_SHARING_VIOLATION = 0x8007_0020

const TEXTS: ReadonlyMap<number, string> = new Map([
  [HRESULT_FILE_NOT_FOUND, 'The system cannot find the file specified.'],
  [0x8007_0003, 'The system cannot find the path specified.'],
  [0x8007_0005, 'Access is denied.'],
  [
    HRESULT_SHARING_VIOLATION,
    'The process cannot access the file because it is being used by another process.',
  ],
  [0x8007_0070, 'There is not enough space on the disk.'],
])

/** The system's text for an HRESULT; null where this table has none. */
export const hresultText = (hresult: number): string | null => TEXTS.get(hresult) ?? null

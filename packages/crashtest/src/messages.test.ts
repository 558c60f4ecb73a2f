// Level and text as the kit's page prints them, typed here once more.
import { expect, it } from 'vitest'
import * as messages from './messages.ts'

// covers: KIT-29, KIT-30, KIT-31, KIT-48, KIT-49, KIT-50, KIT-51, KIT-52, KIT-65, KIT-66, KIT-67
it.each([
  [messages.VERIFYING_PAGE_FILE, '(i) Verifying paging file size.'],
  [messages.PAGE_FILE_TOO_SMALL, '(x) Paging file size is too small for full dump purposes.'],
  [messages.pageFileSize(330989568), '(i) Paging file size: 330989568'],
  [messages.physicalMemorySize(1073094656), '(i) Physical memory size: 1073094656'],
  [messages.PAGE_FILE_ADVICE, '(i) Please configure minimum paging file size to physical RAM size + 1MB.'],
  [messages.connectingTo('C:\\Windows\\MEMORY.DMP'), '(i) Connecting to DumpFile: C:\\Windows\\MEMORY.DMP'],
  [messages.IN_USE, '(i) Dump file is being used by another process. HRESULT: 0x80070020'],
  [
    messages.IN_USE_ADVICE,
    '(i) Usually memory.dmp is still being written due to large RAM, retry after 5 minutes.',
  ],
  [messages.SYMBOLS_NOT_LOADED, '(x) Failed to load the correct symbols.'],
  [
    messages.SYMBOLS_ADVICE,
    '(i) Please refer to WDK documentation on how to install operating system symbols.',
  ],
  [
    messages.SYMBOLS_OUT_OF_DATE,
    '(i) Your symbols might also be out of date, please update symbols by using the Microsoft Symbol Server.',
  ],
])('says what the kit says, at its level: %s', (message, line) => {
  expect(messages.messageLine(message)).toBe(line)
})

// covers: KIT-33, KIT-34
it('begins as the kit does where the debugger cannot analyse a dump', () => {
  expect(messages.errorRetrievingAddresses(['nt!A', 'nt!B'])).toEqual({
    level: 'x',
    text: 'Error retrieving addresses of nt!A, nt!B.',
  })
  expect(messages.unableToGet('the list of modules')).toEqual({
    level: 'x',
    text: 'Unable to get the list of modules.',
  })
})

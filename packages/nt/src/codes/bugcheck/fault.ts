// Bugchecks about an address that could not be referenced or paged in, and about page frames: learn.microsoft.com, "Bug Check
// Code Reference", one page a code. Facts from there, in our own words.
import { MEMORY_MANAGEMENT } from './memory-management.ts'
import {
  ALL_RESERVED,
  access,
  address,
  type BugcheckMeanings,
  type BugcheckParameters,
  bytes,
  casesBy,
  code,
  count,
  instruction,
  irql,
  mdl,
  ntstatus,
  number,
  object,
  pfn,
  process,
  pte,
  pteContents,
  RESERVED,
  unicodeString,
} from './parameter.ts'

const referenced = address('the address that was referenced')
const referencedBy = instruction('the code that referenced it')
const readOrWrite = access('the access', { 0: 'read', 1: 'write' })

/** Parameters of the checks of Driver Verifier and special pool. */
const SPECIAL_POOL: BugcheckParameters = [
  referenced,
  readOrWrite,
  instruction('the code that referenced it, if known'),
  RESERVED,
]

const frames = casesBy(code('the kind of violation'))
const inpage = {
  status: ntstatus('the status of the read, mostly that of the I/O'),
  address: address('the address that could not be paged in'),
}
const lock = code('the kind of lock that was held')

export const FAULT_BUGCHECKS: BugcheckMeanings = {
  10: {
    text: 'Kernel code touched an address that is paged out or invalid while the IRQL was too high for a page fault.',
    parameters: [
      referenced,
      irql('the IRQL'),
      access('the access', { 0: 'read', 1: 'write', 8: 'execute' }),
      referencedBy,
    ],
  },
  26: MEMORY_MANAGEMENT,
  28: {
    text: 'A reference count, of a page frame or of another object, left its range.',
    parameters: ALL_RESERVED,
  },
  63: {
    text: 'No block of system page-table entries is large enough: they are fragmented, or a driver leaks them.',
    parameters: [
      code('the kind of entries', { 0: 'system expansion', 1: 'nonpaged pool expansion' }),
      count('entries asked for'),
      count('free system page-table entries'),
      count('all system page-table entries'),
    ],
  },
  77: {
    text: 'No free page is left.',
    parameters: [
      count('dirty pages'),
      count('dirty pages that belong into the page file'),
      number('the nonpaged pool that was left'),
      ntstatus('the latest status of writing modified pages'),
    ],
  },
  78: {
    text: 'The database of page frames is corrupt, mostly by a driver with a bad MDL, or by hardware.',
    parameters: [code('the kind of violation'), RESERVED, RESERVED, RESERVED],
    cases: {
      1: frames('the head of a list is corrupt', number('the list head'), count('pages available')),
      2: frames(
        'an entry of a list is corrupt',
        pfn('the entry that is removed'),
        pfn('the highest physical page'),
        count('references to the entry'),
      ),
      6: frames(
        'a hardware or a prototype page-table entry is corrupt',
        pfn('the page'),
        pte('the prototype page-table entry'),
        pteContents('its contents'),
      ),
      7: frames(
        'a page is unlocked more often than it was locked',
        pfn('the page'),
        number('its share count'),
      ),
      141: frames('the list of free pages is corrupt, most likely by hardware', pfn('the page')),
      143: frames(
        'the head of the list of free or zeroed pages is corrupt',
        pfn('the new page'),
        pfn('the old page'),
      ),
      153: frames(
        'a page-table entry or a page frame is corrupt',
        pfn('the page'),
        number('the state of the page'),
      ),
      154: frames(
        'a driver frees a page that is still locked for I/O',
        pfn('the page'),
        number('the state of the page'),
        count('references to it'),
      ),
    },
  },
  80: {
    text: 'Invalid system memory was referenced.',
    parameters: [
      referenced,
      // x64 and x86 give bits of the page fault's error code since Windows 10 (1507): 2 is a write, 0x10 an execute;
      // before that 1 was a write. ARM gives 1 and 8.
      access('the access', { 0: 'read', 1: 'write', 2: 'write', 8: 'execute', 16: 'execute' }),
      instruction('the code that referenced it, if known'),
      code('the kind of page fault', {
        0: 'the page-table entry is marked as free',
        2: 'no page table covers the address',
        3: 'session space in a process without a session',
        4: 'the address is not canonical',
        15: 'an address of user mode where kernel code may not use it',
      }),
    ],
  },
  118: {
    text: 'Pages of a process are locked when they may not be, or the reverse.',
    parameters: [code('the kind of violation'), RESERVED, RESERVED, RESERVED],
    cases: {
      0: frames(
        'a process ended with locked pages',
        process('the process'),
        count('locked pages'),
        address('the stacks of drivers, if recorded'),
      ),
      1: frames(
        'a driver unlocks pages that are not locked',
        mdl('the MDL'),
        count('pages of the process that are locked'),
        address('the stacks of drivers, if recorded'),
      ),
    },
  },
  119: {
    text: 'A page of a kernel stack could not be read back from the page file.',
    parameters: [
      ntstatus('the status of the read'),
      ntstatus('the status of the I/O'),
      number('the number of the page file'),
      number('the offset in the page file'),
    ],
    cases: Object.fromEntries(
      [
        'the page was in the page cache, without the signature of a stack',
        'the page came from a disk, without the signature of a stack',
        'the storage stack reported success, but not a whole page',
      ].map((text, index) => [
        index,
        casesBy(code('where the page came from'))(
          text,
          number('the value found in place of the signature'),
          RESERVED,
          address('the signature on the stack'),
        ),
      ]),
    ),
  },
  122: {
    text: 'A page of kernel data could not be read back from the page file.',
    parameters: [
      pte('the page-table entry'),
      inpage.status,
      pteContents('the contents of the page-table entry'),
      inpage.address,
    ],
    // Kinds of lock 1 and 2, and 3 without a third parameter, are one layout; 4, and 3 with one, another.
    caseOf: (parameters) => (parameters[0] === 3n && parameters[2] !== 0n ? 4n : (parameters[0] ?? 0n)),
    cases: {
      1: casesBy(lock)(
        'while a lock was held',
        inpage.status,
        process('the current process'),
        inpage.address,
      ),
      2: casesBy(lock)('while a lock was held', inpage.status, RESERVED, inpage.address),
      3: casesBy(lock)('while a lock was held', inpage.status, RESERVED, inpage.address),
      4: casesBy(lock)(
        'while a lock was held',
        inpage.status,
        object('the InPageSupport structure'),
        inpage.address,
      ),
    },
  },
  190: {
    text: 'A driver wrote to memory that is read-only.',
    parameters: [
      address('the address that was written to'),
      pteContents('the contents of its page-table entry'),
      RESERVED,
      RESERVED,
    ],
  },
  204: { text: 'The system referenced memory that a driver had freed.', parameters: SPECIAL_POOL },
  205: {
    text: "The system referenced memory beyond the end of a driver's allocation.",
    parameters: SPECIAL_POOL,
  },
  206: {
    text: 'A driver was unloaded without cancelling a timer, DPC, work item or lookaside list, and code ran there.',
    parameters: SPECIAL_POOL,
  },
  207: {
    text: 'A driver referenced session space from the System process.',
    parameters: SPECIAL_POOL,
  },
  209: {
    text: 'A driver touched an address that is paged out or invalid while the IRQL was too high for a page fault.',
    parameters: [
      referenced,
      irql('the IRQL'),
      access('the access', { 0: 'read', 1: 'write', 2: 'execute', 8: 'execute' }),
      referencedBy,
    ],
  },
  211: {
    text: 'A driver marked code or data as pageable that it needs while the IRQL is too high for a page fault.',
    parameters: [referenced, irql('the IRQL'), readOrWrite, referencedBy],
  },
  213: { text: 'A driver referenced memory that it had freed.', parameters: SPECIAL_POOL },
  214: { text: 'A driver referenced memory beyond the end of its allocation.', parameters: SPECIAL_POOL },
  216: {
    text: 'No system page-table entries are left; the driver named here uses most of them.',
    parameters: [
      unicodeString('the name of the driver, or 0'),
      count('entries that it uses'),
      count('free system page-table entries'),
      count('all system page-table entries'),
    ],
  },
  252: {
    text: 'Memory that may not be executed was executed.',
    parameters: [
      address('the address that was executed'),
      pteContents('the contents of its page-table entry'),
      RESERVED,
      RESERVED,
    ],
  },
  295: {
    text: 'A page that should be all zeros is not: hardware, or code that wrote to it after it was freed.',
    parameters: [address('where the page is mapped'), pfn('the page'), RESERVED, RESERVED],
  },
  299: {
    text: 'A page is corrupt in a way that only hardware, or a transfer to the wrong physical page, can cause.',
    parameters: [address('where the page is mapped'), pfn('the page'), RESERVED, RESERVED],
    caseOf: (parameters) => (parameters[2] === 0n && parameters[3] === 0n ? 0n : 1n),
    cases: {
      1: {
        text: 'a compressed page could not be read back',
        parameters: [
          number('the kind of failure'),
          bytes('the size of the compressed page'),
          address('the source buffer'),
          address('the target buffer'),
        ],
      },
    },
  },
  340: {
    text: 'The memory store, which compresses pages, met an exception that it does not expect.',
    parameters: [
      object('the store, or its data manager'),
      object('facts about the exception'),
      RESERVED,
      RESERVED,
    ],
  },
  455: {
    text: 'The memory store, which compresses pages, found its own structures corrupt: memory, or a bad DMA transfer.',
    parameters: [code('the kind of corruption'), RESERVED, RESERVED, RESERVED],
    cases: {
      ...Object.fromEntries(
        [
          'the hash of a buffer does not match',
          'the store thread met an exception, and the hash of a buffer does not match',
          'a page that was read is corrupt, and so is the hash of its record',
        ].map((text, index) => [
          index,
          frames(text, address('the buffer'), number('the hash expected'), pfn('the page that is corrupt')),
        ]),
      ),
      3: frames(
        'a page that was read is corrupt, and its record changed meanwhile',
        address('the record at the start of the read'),
        address('the record now'),
      ),
    },
  },
}

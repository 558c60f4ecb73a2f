// Bugchecks about the pool and other memory that drivers allocate: learn.microsoft.com, "Bug Check Code Reference", one page a
// code. Facts from there, in our own words. _POOL_TYPE: 0 is nonpaged, 1 paged.
import {
  ALL_RESERVED,
  access,
  address,
  type BugcheckMeanings,
  bytes,
  casesBy,
  code,
  count,
  instruction,
  irql,
  mdl,
  number,
  object,
  pfn,
  poolTag,
  poolType,
  process,
  pte,
  RESERVED,
  routine,
} from './parameter.ts'

const violation = code('the kind of violation')
const violated = casesBy(violation)
const readOrWrite = access('the access', { 0: 'read', 1: 'write' })

const entry = address('the pool entry')
const headerModified = violated(
  'the header of a freed block was written to, usually by an overrun of the block before it',
)
const freedTwice = 'pool is freed that is free already'
const corruptHeader = violated(
  'the header of a block is corrupt',
  address('the pool header'),
  number('the first part of its contents'),
)
const quota = violated(
  'quota is returned for an allocation that is corrupt',
  address('the allocation'),
  poolTag('its tag'),
  process('the bad pointer to the process that pays'),
)
const notInAnyPool = violated('an address is freed that was never in a pool', address('the address'))
const badTag = (text: string) =>
  violated(text, poolType('the type of pool'), bytes('the size asked for'), routine('the caller'))

const specialPoolFree = address('the address that the driver frees')
const specialPoolCorrupt = (text: string) => ({
  text,
  parameters: [specialPoolFree, address('the bytes that are corrupt'), RESERVED, violation] as const,
})
const specialPoolSize = {
  text: 'a driver frees an address that is not the start of its allocation',
  parameters: [specialPoolFree, bytes('the size asked for'), bytes('the size given'), violation] as const,
}
const specialPoolIrql = (text: string, third: ReturnType<typeof bytes>) => ({
  text,
  parameters: [irql('the IRQL'), poolType('the type of pool'), third, violation] as const,
})

export const POOL_BUGCHECKS: BugcheckMeanings = {
  25: {
    text: 'The header of a block of pool is corrupt.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      2: violated('the pattern of special pool is gone', entry, bytes('the size of the block')),
      3: violated(
        'the list of free blocks is corrupt: the entry and both links should be equal',
        entry,
        address('the forward link'),
        address('the backward link'),
      ),
      5: violated('two neighbours contradict each other', entry, RESERVED, address('its neighbour')),
      6: violated('the previous size is too large', entry, RESERVED, address('the entry that misleads')),
      7: violated('the size is corrupt', RESERVED, RESERVED, entry),
      8: violated('the size is zero', RESERVED, RESERVED, entry),
      9: violated('the size is too large', entry, RESERVED, address('the entry that misleads')),
      10: violated(
        'the entry that should be in a page is not there',
        address('the entry looked for'),
        RESERVED,
        address('the page'),
      ),
      13: headerModified,
      14: headerModified,
      15: headerModified,
      32: violated('the size is corrupt', address('the entry looked for'), address('the next entry')),
      33: violated(
        'the bytes after the block that is freed are overwritten',
        address('the block'),
        bytes('its size'),
        number('the value found after it'),
      ),
      34: violated(
        'an address is freed that has no record: freed before, or never allocated',
        address('the address'),
      ),
      35: headerModified,
      36: headerModified,
      37: headerModified,
    },
  },
  193: {
    text: 'A driver wrote to a part of the special pool that is not its own, or used it wrongly.',
    parameters: [address('an address, or the IRQL'), RESERVED, RESERVED, violation],
    caseOf: (parameters) => parameters[3] ?? 0n,
    cases: {
      32: {
        text: 'a driver frees memory that is not allocated',
        parameters: [specialPoolFree, RESERVED, RESERVED, violation],
      },
      33: specialPoolSize,
      34: specialPoolSize,
      35: specialPoolCorrupt('bytes near the block that is freed are overwritten'),
      36: specialPoolCorrupt('bytes after the end of the block that is freed are overwritten'),
      48: specialPoolIrql('pool is allocated at an IRQL that forbids it', bytes('the size asked for')),
      49: specialPoolIrql('pool is freed at an IRQL that forbids it', specialPoolFree),
      50: specialPoolCorrupt('one bit near the block that is freed is wrong'),
    },
  },
  194: {
    text: 'The current thread made a bad request of the pool.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      0: violated('zero bytes are asked for', RESERVED, poolType('the type of pool'), poolTag('the tag')),
      1: corruptHeader,
      2: corruptHeader,
      4: corruptHeader,
      6: violated(freedTwice, RESERVED, address('the pool header'), number('its contents')),
      7: violated(freedTwice, RESERVED, number('the contents of the pool header'), address('the block')),
      8: violated(
        'pool is allocated at an IRQL that forbids it',
        irql('the IRQL'),
        poolType('the type of pool'),
        bytes('the size asked for'),
      ),
      9: violated(
        'pool is freed at an IRQL that forbids it',
        irql('the IRQL'),
        poolType('the type of pool'),
        address('the block'),
      ),
      10: violated(
        'pool is freed with a tag other than its own',
        address('the block'),
        poolTag('its tag'),
        poolTag('the tag given'),
      ),
      11: quota,
      12: quota,
      13: quota,
      64: violated(
        'an address of user mode is freed to a kernel pool',
        address('the address'),
        address('where system space begins'),
      ),
      65: violated(
        'nonpaged pool is freed that is not allocated',
        address('the address'),
        pfn('its page'),
        pfn('the highest physical page'),
      ),
      66: notInAnyPool,
      67: notInAnyPool,
      68: violated('nonpaged pool is freed that is not allocated', address('the address')),
      70: violated('an invalid address of the pool is freed', address('the address')),
      71: violated(
        'nonpaged pool is freed that is not allocated',
        address('the address'),
        pfn('its page'),
        pfn('the highest physical page'),
      ),
      72: violated('paged pool is freed that is not allocated', address('the address')),
      80: violated(
        'paged pool is freed that is not allocated',
        address('the address'),
        count('its page, counted from the start of paged pool'),
        bytes('the size of paged pool'),
      ),
      96: violated('MmFreeContiguousMemory gets an address that is not its own', address('the address')),
      153: violated(
        'an invalid address is freed, or the header of a block is corrupt',
        address('the address'),
      ),
      154: violated(
        'pool that must succeed is asked for, which no longer exists',
        poolType('the type of pool'),
        bytes('the size asked for'),
        poolTag('the tag'),
      ),
      155: badTag('the tag of a request is zero'),
      156: badTag('the tag of a request is "BIG"'),
      157: violated(
        'the tag of a request has neither letters nor digits',
        poolTag('the tag'),
        poolType('the type of pool'),
        routine('the caller'),
      ),
      266886: violated(
        'the middle of an allocation of paged pool is freed',
        RESERVED,
        RESERVED,
        count('its page, counted from the start of paged pool'),
      ),
    },
  },
  197: {
    text: 'Code of the pool touched invalid memory while the IRQL was too high: a driver corrupted small allocations.',
    parameters: [
      address('the address that was referenced'),
      irql('the IRQL'),
      readOrWrite,
      instruction('the code that referenced it'),
    ],
  },
  198: {
    text: 'A driver wrote to pool after it had freed it.',
    parameters: [
      address('the address that was referenced'),
      readOrWrite,
      code('the mode', { 0: 'kernel mode', 1: 'user mode' }),
      RESERVED,
    ],
  },
  203: {
    text: 'A driver, or the I/O manager, left pages locked after an I/O operation.',
    parameters: [
      object('the record of the lock'),
      RESERVED,
      mdl('the MDL with the locked pages'),
      count('locked pages'),
    ],
  },
  208: {
    text: 'Code of the pool touched invalid memory while the IRQL was too high: a driver corrupted large allocations.',
    parameters: [
      address('the address that was referenced'),
      irql('the IRQL'),
      readOrWrite,
      instruction('the code that referenced it'),
    ],
  },
  218: {
    text: 'A routine for system page-table entries was used wrongly.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      4: violated(
        'the first page of an MDL changed while it was mapped',
        object('the record of the lock'),
        pfn('the page expected first in the MDL'),
        pfn('the page that is first in it'),
      ),
      5: violated(
        'the start address of an MDL changed while it was mapped',
        object('the record of the lock'),
        address('the address expected'),
        address('the address given'),
      ),
      6: violated(
        'an MDL is unmapped that is not mapped',
        mdl('the MDL'),
        address('the address given'),
        count('mappings to free'),
      ),
      770: violated('a system address is released that is not mapped', address('the address')),
      771: violated(
        'a range of mappings is released that was not reserved',
        pte('the first mapping'),
        count('mappings to release'),
      ),
      772: violated(
        'a range of mappings is released that begins inside another allocation',
        pte('the first mapping'),
        count('mappings to release'),
      ),
    },
  },
  222: {
    text: 'A driver corrupted pool that holds pages on their way to a disk.',
    parameters: ALL_RESERVED,
  },
  314: {
    text: 'The heap manager of kernel mode found a heap corrupt.',
    parameters: [
      code('the kind of corruption', {
        3: 'the header of an entry is corrupt',
        4: 'the headers of several entries are corrupt',
        5: 'the header of a large allocation is corrupt',
        6: 'looks like a write over the end of a block',
        7: 'looks like a write before the start of a block',
        8: 'a free block was given where one in use is needed',
        9: 'an argument is invalid',
        10: 'internal error about the type of an allocation',
        11: 'looks like a block used after it was freed',
        12: 'the wrong heap was given',
        13: 'the free list is corrupt',
        14: 'a list other than the free list is corrupt',
        15: 'an operation that a free block forbids',
        16: 'invalid internal state, perhaps by an overflow',
        17: 'invalid internal state, perhaps by a double free',
        18: 'invalid internal state, perhaps by use after free or an overflow of a neighbour',
        19: 'the heap handle is NULL',
        20: 'the request is larger than the limit of allocations',
        21: 'the request would exceed the commit limit',
        22: 'internal error, perhaps a bad address',
        23: 'a block in a list of delayed frees is corrupt',
      }),
      object('the heap'),
      address('where the corruption was found'),
      RESERVED,
    ],
  },
}

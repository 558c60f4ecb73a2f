// The violations of 0x1A MEMORY_MANAGEMENT, by parameter 1: learn.microsoft.com, "Bug Check 0x1A: MEMORY_MANAGEMENT", which
// also lists those of earlier versions of Windows. Facts from there, in our own words.
import {
  address,
  type BugcheckCase,
  type BugcheckMeaning,
  bytes,
  casesBy,
  code,
  count,
  mdl,
  ntstatus,
  number,
  object,
  pfn,
  physicalAddress,
  pte,
  pteContents,
  RESERVED,
} from './parameter.ts'

const violation = code('the kind of violation')
const violated = casesBy(violation)

const standbyPriority = violated(
  'two standby pages that must have one priority have two',
  RESERVED,
  RESERVED,
  number('the two priorities'),
)
const structures = violated('structures of the memory manager are corrupt')
const cacheViewEntries = violated('the page-table entries of a system cache view are corrupt')

const cases: Readonly<Record<number, BugcheckCase>> = {
  49: violated('the relocations or the code stream of an image are corrupt, most likely by hardware'),
  63: violated(
    'a page that was read back from the page file has the wrong CRC',
    number('its place in the page file'),
    number('the CRC of the page'),
    number('the expected CRC'),
  ),
  // unverified: the reference has no page for it; it lies beside 0x403 and one genuine minidump carries it.
  1026: violated('a page table and the page frame database disagree (not in the public reference)'),
  1027: violated(
    'a page table and the page frame database disagree; where parameters 3 and 4 differ in one bit, suspect hardware',
    pte('the page-table entry'),
    number('one value'),
    number('the other value'),
  ),
  1028: violated(
    'a system page that is deleted belongs to another page-table entry than its frame says',
    pte('the expected page-table entry'),
    pteContents('its contents'),
    pte('the entry that the page frame names'),
  ),
  1041: violated('a page-table entry is corrupt', pte('the page-table entry')),
  1911: violated('the caller unlocks an address of the system cache that is not locked'),
  1912: violated('the last view of the system cache, which must stay free, is in use'),
  1920: cacheViewEntries,
  1921: cacheViewEntries,
  4096: violated('the caller maps a cached page as non-cached, and asked for a bugcheck should that fail'),
  4112: violated('the caller unlocks a pageable section that is not locked'),
  4659: violated('a driver maps a physical page that is not locked', pfn('the page')),
  4660: violated('the caller locks a pageable section that does not exist'),
  4661: violated('the caller protects an MDL that is not mapped as it must be'),
  4662: violated(
    'an MDL holds a page that is not locked, or is none',
    mdl('the MDL'),
    address('where the MDL holds the page'),
    pfn('the page'),
  ),
  4672: violated(
    'the caller builds an MDL for a range that is not resident',
    mdl('the MDL'),
    pte('the page-table entry'),
  ),
  4673: violated(
    'a range was unmapped while an MDL was built for it',
    mdl('the MDL'),
    pte('the page-table entry'),
  ),
  13056: violated(
    'an address that is written to is wrongly marked copy-on-write',
    address('the address'),
    pteContents('the contents of its page-table entry'),
    code('the kind of address space'),
  ),
  13393: violated('the page-table entries of a kernel stack that was swapped out are corrupt'),
  13395: violated('page tables of a process that has ended are still referenced'),
  13424: violated(
    'a kernel stack was damaged while it lay on the free list',
    address('the stack'),
    number('the cookie'),
  ),
  17527: violated(
    'a driver wrote to an address in the user part of the System process that is not allocated',
    address('the address'),
  ),
  20483: violated('the free list of a working set is corrupt, most likely by hardware'),
  20736: violated('the allocation bitmap is corrupt: an address that is in use would be handed out again'),
  20992: violated(
    'a free pool page was written to: after it was freed, or over the end of the page before',
    address('a free block of pool'),
    number('the value found there'),
    number('the value that it should hold'),
  ),
  21253: violated(
    'the caller frees an invalid address of the pool',
    address('the address'),
    bytes('the size of the region'),
  ),
  24577: violated(
    'private memory of the memory store cannot be accessed',
    ntstatus('the status'),
    address('the address in the store'),
    mdl('the MDL'),
  ),
  34948: standbyPriority,
  34949: standbyPriority,
  34950: standbyPriority,
  34951: standbyPriority,
  34952: structures,
  34953: structures,
  34954: violated(
    'structures of the memory manager are corrupt, most likely a page-table entry or page frame',
  ),
  38550: violated(
    'a page frame is no longer linked to the page table of a process',
    object('the page frame (MMPFN)'),
  ),
  86016: violated(
    'the caller releases a secured range that is not there: wrong address or wrong process',
    address('the address'),
  ),
  86017: violated('releasing a secured range failed: it may be done in the wrong process'),
  266753: violated(
    'a page-table entry and its page frame disagreed when an address was queried',
    pte('the page-table entry'),
    pteContents('its contents'),
    object('the virtual address descriptor'),
  ),
  266754: violated(
    'a page-table entry was found corrupt when its protection was asked for',
    pte('the page-table entry'),
    pteContents('its contents'),
    object('the virtual address descriptor'),
  ),
  266883: violated('the working set index in a page-table entry is corrupt'),
  266884: violated('a page-table entry or the working set list is corrupt'),
  266886: violated('the caller frees an invalid address of the pool'),
  266887: violated(
    'a page fault that cannot be right occurred while a working set was locked',
    address('the address'),
  ),
  268165: violated('the working set list is corrupt'),
  268176: violated('a page-table page is corrupt', object('the page frame of the page table (MMPFN)')),
  268178: violated(
    'a page-table entry is corrupt',
    pte('the page-table entry'),
    pteContents('the low part of its contents'),
    pteContents('the high part of its contents'),
  ),
  268179: violated(
    'a page-table page holds another number of entries than it should',
    pte('the entry that was looked at last'),
    count('entries found that are not zero'),
    count('entries expected'),
  ),
  399680: violated('a page directory entry became invalid'),
  399681: violated('the page tables above an address are corrupt', address('the address')),
  399686: violated(
    'an MDL for a write was asked for where a read from the page file is served: a faulty driver',
  ),
  399688: violated(
    'a region of I/O space that is released has no record: it was not locked, or is unlocked already',
    pfn('the first frame of the region'),
    count('pages in the region'),
    pfn('the frame without a record'),
  ),
  399689: violated('a frame of I/O space has no record', pfn('the frame')),
  399690: violated(
    'a page of I/O space is released that nothing references',
    physicalAddress('where the range of the caller begins'),
    number('how long it is'),
    pfn('the page'),
  ),
  50529027: violated('the boot loader is faulty (Itanium)'),
  50529032: violated('the loader uses memory that should be removed', pfn('the highest physical page')),
}

export const MEMORY_MANAGEMENT: BugcheckMeaning = {
  text: 'The memory manager found a severe error in its structures, or a caller that breaks its rules.',
  parameters: [violation, RESERVED, RESERVED, RESERVED],
  cases,
}

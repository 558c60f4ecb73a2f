// Rules of memory in dump mode: what there is, how little, and when it can be asked for.
import { BOOT_DRIVE, type RuleText, sample, srb, storport, virtioWin } from './rule.ts'

export const MEMORY_RULES = {
  'DM-11': {
    title: 'The uncached extension has at most 32 KiB in dump mode, or is smaller than while the system ran.',
    why: 'The dump port has two small buffers that were set aside at boot. A driver that asks for queues of every processor gets nothing, and no dump is written on large systems.',
    howToFix: 'Count queues and structures for dump mode on their own: one queue, one request.',
    answer:
      'violation, a warning where it is less than while the system ran, or where the driver then asks for less; NULL where so much does not exist',
    sources: [
      BOOT_DRIVE,
      srb('ScsiPortGetUncachedExtension', 'nf-srb-scsiportgetuncachedextension'),
      virtioWin('memory for all queues in a dump', 'pull/110'),
    ],
    example: {
      breaks: `Size = QueueBytes * NumberOfProcessors;
Queues = StorPortGetUncachedExtension(Extension, ConfigInfo, Size);`,
      keeps: `Size = QueueBytes * (IsDump ? 1 : NumberOfProcessors);
Queues = StorPortGetUncachedExtension(Extension, ConfigInfo, Size);`,
    },
  },
  'DM-12': {
    title: 'The uncached extension is asked for once, in HwFindAdapter.',
    why: 'The port lays its memory out while it runs HwFindAdapter; afterwards the rest belongs to SRB extensions.',
    howToFix: 'Ask once, in HwFindAdapter, for all of it, and divide the block yourself.',
    answer:
      'violation, and NULL; a second call in HwFindAdapter returns the same block, which is a warning where it is large enough',
    sources: [storport('StorPortGetUncachedExtension', 'nf-storport-storportgetuncachedextension')],
    example: {
      breaks: `BOOLEAN HwInitialize(PVOID Extension)
{
    Ring = StorPortGetUncachedExtension(Extension, SavedConfigInfo, RING_BYTES);`,
      keeps: `ULONG HwFindAdapter(PVOID Extension, ..., PPORT_CONFIGURATION_INFORMATION ConfigInfo, ...)
{
    Ring = StorPortGetUncachedExtension(Extension, ConfigInfo, RING_BYTES);`,
    },
  },
  'DM-13': {
    title: 'The uncached extension is aligned by the driver: the block that the port returns may not be.',
    why: 'A dump port cuts the block out of a common buffer, after other structures. What was page aligned in the running system is not in a dump.',
    howToFix: 'Ask for the alignment more than you need, and round the address up.',
    answer:
      'the block begins at offset 0x40 of a page, so that a driver which trusts it fails as it would on Windows',
    sources: [sample('storahci'), virtioWin('memory that is not page aligned', 'commit/a1473882')],
    example: {
      breaks: `CommandList = StorPortGetUncachedExtension(Extension, ConfigInfo, 1024);`,
      keeps: `Block = StorPortGetUncachedExtension(Extension, ConfigInfo, 1024 + 1023);
CommandList = (PVOID)(((ULONG_PTR)Block + 1023) & ~(ULONG_PTR)1023);`,
    },
  },
  'DM-14': {
    title: 'No pool is allocated in dump mode.',
    why: 'The pool and its locks are in the state in which the crash left them.',
    howToFix: 'Carve structures from the uncached extension or from the device extension.',
    answer: 'violation; the call fails',
    sources: [storport('StorPortAllocatePool', 'nf-storport-storportallocatepool'), sample('storahci')],
    example: {
      breaks: `Status = StorPortAllocatePool(Extension, sizeof(LUN_TABLE), 'tnuL', &Table);`,
      keeps: `if (IsDump)
    Table = &Extension->DumpLunTable; // one unit
else
    Status = StorPortAllocatePool(Extension, sizeof(LUN_TABLE), 'tnuL', &Table);`,
    },
  },
  'DM-16': {
    title: 'No memory is freed in dump mode.',
    why: 'What the running instance allocated belongs to the dump: to free it changes memory that is about to be written.',
    howToFix: 'Return from removal and error paths before they free anything.',
    answer: 'violation; the call fails',
    sources: [sample('storahci')],
    example: {
      breaks: `StorPortFreePool(Extension, Extension->Log);
Extension->Log = NULL;`,
      keeps: `if (!IsDump)
    StorPortFreePool(Extension, Extension->Log);
Extension->Log = NULL;`,
    },
  },
  'DM-17': {
    title: 'Dump memory is marked in DriverEntry or HwFindAdapter only.',
    why: 'The port takes the list of ranges before it writes the first page; a later one is not in the dump.',
    howToFix: 'Call StorPortMarkDumpMemory in HwFindAdapter.',
    answer: 'violation; the call fails',
    sources: [storport('StorPortMarkDumpMemory', 'nf-storport-storportmarkdumpmemory')],
    example: {
      breaks: `BOOLEAN HwInitialize(PVOID Extension)
{
    StorPortMarkDumpMemory(Extension, Log, LOG_BYTES, 0);`,
      keeps: `ULONG HwFindAdapter(PVOID Extension, ...)
{
    StorPortMarkDumpMemory(Extension, Log, LOG_BYTES, 0);`,
    },
  },
} satisfies Record<string, RuleText>

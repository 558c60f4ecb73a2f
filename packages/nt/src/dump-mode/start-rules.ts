// Rules of how a dump miniport comes up: its entry points, their order and their IRQL.
import { ROUTINE_PAGES } from '../kernel/routine-irql.ts'
import { BOOT_DRIVE, NVMEWIN, type RuleText, storport, virtioWin } from './rule.ts'

export const START_RULES = {
  'DM-01': {
    title: 'DriverEntry takes two NULL arguments in dump mode and dereferences neither.',
    why: 'No driver object and no registry path exist after the crash: the dump port calls `DriverEntry(NULL, NULL)`.',
    howToFix:
      'Ask whether the arguments are NULL before their first use, and take that as the sign of dump mode.',
    answer: 'second bugcheck 0xD1',
    sources: [BOOT_DRIVE],
    example: {
      breaks: `ULONG DriverEntry(PVOID DriverObject, PVOID RegistryPath)
{
    USHORT Length = ((PUNICODE_STRING)RegistryPath)->Length;`,
      keeps: `ULONG DriverEntry(PVOID DriverObject, PVOID RegistryPath)
{
    BOOLEAN IsDump = RegistryPath == NULL;
    USHORT Length = IsDump ? 0 : ((PUNICODE_STRING)RegistryPath)->Length;`,
    },
  },
  'DM-05': {
    title:
      'Nothing of the running instance is expected in globals, and nothing but the device extension is zero.',
    why: 'The dump copy of the driver is a second image with its own data section: each global has its load-time value. Other memory that the port hands out holds whatever was there.',
    howToFix: 'Compute flags in DriverEntry, and clear what you allocate.',
    answer: 'globals are fresh; all memory but the device extension is filled with 0xA5',
    sources: [virtioWin('flag of dump mode set in time', 'commit/89490518')],
    example: {
      breaks: `VirtQueue = StorPortGetUncachedExtension(Extension, ConfigInfo, Size);
// relies on a cleared block
VirtQueue->LastUsed++;`,
      keeps: `VirtQueue = StorPortGetUncachedExtension(Extension, ConfigInfo, Size);
RtlZeroMemory(VirtQueue, Size);
VirtQueue->LastUsed++;`,
    },
  },
  'DM-06': {
    title: 'HwFindAdapter finds the adapter inside StorPortInitialize, before DriverEntry returns.',
    why: 'No PnP manager starts the device after the crash. DriverEntry, HwFindAdapter, HwInitialize and the first SRB follow each other at once.',
    howToFix:
      'Set everything that HwFindAdapter needs before the call of StorPortInitialize, and return SP_RETURN_FOUND.',
    answer: 'no dump: status and reason',
    sources: [BOOT_DRIVE, virtioWin('flag of dump mode set in time', 'commit/89490518')],
    example: {
      breaks: `Status = StorPortInitialize(DriverObject, RegistryPath, &Data, NULL);
IsDump = RegistryPath == NULL; // HwFindAdapter has run by now`,
      keeps: `IsDump = RegistryPath == NULL;
Status = StorPortInitialize(DriverObject, RegistryPath, &Data, NULL);`,
    },
  },
  'DM-07': {
    title: 'The IRQL stays at HIGH_LEVEL while the dump is written.',
    why: 'The system was stopped at HIGH_LEVEL at an arbitrary instruction. Below that level interrupts come in, and their routines belong to the system that crashed.',
    howToFix:
      'Leave the IRQL alone in dump mode; one processor runs, so there is nothing to raise or lower it for.',
    answer: 'violation',
    sources: [BOOT_DRIVE, storport('HW_FIND_ADAPTER', 'nc-storport-hw_find_adapter')],
    example: {
      breaks: `KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
StartQueue(Extension);
KeLowerIrql(PASSIVE_LEVEL);`,
      keeps: `// one processor, nothing interrupts it
StartQueue(Extension);`,
    },
  },
  'DM-08': {
    title: 'No kernel routine is called in dump mode that is documented for a lower IRQL than HIGH_LEVEL.',
    why: 'Registry, files, events, work items, mappings and pageable memory need a running system. At HIGH_LEVEL such a call waits for ever, faults or lowers the IRQL.',
    howToFix:
      'Read settings while the system runs. In dump mode use constants, or what the running instance left in the dump context.',
    answer:
      'violation; the call fails. StorPortRegistryRead fails without one, since certified drivers call it in every mode',
    sources: [
      BOOT_DRIVE,
      { title: 'the line IRQL of each routine of wdm.h, ntddk.h and ntifs.h', url: ROUTINE_PAGES },
    ],
    example: {
      breaks: `Extension->QueueDepth = ReadQueueDepth(RegistryPath); // ZwOpenKey`,
      keeps: `Extension->QueueDepth = IsDump ? 1 : ReadQueueDepth(RegistryPath);`,
    },
  },
  'DM-09': {
    title: 'HwInitialize makes the disk ready by itself: passive initialisation never happens in dump mode.',
    why: 'StorPortEnablePassiveInitialization asks for a call at PASSIVE_LEVEL, which a stopped system cannot make.',
    howToFix: 'Do in HwInitialize, by polling, what the passive routine does in the running system.',
    answer: 'no dump; a violation where HwInitialize counted on passive initialisation',
    sources: [BOOT_DRIVE, NVMEWIN],
    example: {
      breaks: `BOOLEAN HwInitialize(PVOID Extension)
{
    return StorPortEnablePassiveInitialization(Extension, StartQueues);
}`,
      keeps: `BOOLEAN HwInitialize(PVOID Extension)
{
    if (IsDump)
        return StartQueues(Extension);
    return StorPortEnablePassiveInitialization(Extension, StartQueues);
}`,
    },
  },
  'DM-10': {
    title: 'The disk takes commands as soon as HwInitialize has returned.',
    why: 'The dump port sends INQUIRY and READ CAPACITY at once, and there is no second chance.',
    howToFix:
      'Wait in HwInitialize, with a bound, until the device is ready, and return FALSE where it is not.',
    answer:
      'a warning where HwInitialize returns TRUE before the controller takes requests; no dump: status and reason',
    sources: [BOOT_DRIVE],
    example: {
      breaks: `WriteControl(Extension, ENABLE);
return TRUE;`,
      keeps: `WriteControl(Extension, ENABLE);
for (ULONG Step = 0; Step < 500 && !IsReady(Extension); Step++)
    StorPortStallExecution(1000);
return IsReady(Extension);`,
    },
  },
} satisfies Record<string, RuleText>

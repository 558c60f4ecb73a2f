// KDDEBUGGER_DATA64 and DBGKD_GET_VERSION64 of this image. Offsets come from the structures themselves, addresses from
// the variables that build 19041 has there; a field stays zero where that build leaves it zero, or where this
// kernel has no data for it. tests/conformance/guest.test.ts compares with the block of a real minidump.
#include "kernel.h"

#define ADDRESS(variable) ((ULONG64)&(variable))

KDDEBUGGER_DATA64 KdDebuggerDataBlock;
LIST_ENTRY KdpDebuggerDataListHead = {
    (LIST_ENTRY *)&KdDebuggerDataBlock,
    (LIST_ENTRY *)&KdDebuggerDataBlock,
};

/** Keys of the encoded block; it is stored plain here, so the flag is 0. */
ULONG64 KiWaitNever;
ULONG64 KiWaitAlways;
UCHAR KdpDataBlockEncoded;

BOOLEAN KdDebuggerEnabled;
BOOLEAN KdDebuggerNotPresent = TRUE;

/** Text that DbgPrint leaves for `!dbgprint`. */
char KdPrintDefaultCircularBuffer[0x1000];
char *KdPrintCircularBuffer = KdPrintDefaultCircularBuffer;
char *KdPrintWritePointer = KdPrintDefaultCircularBuffer;
ULONG KdPrintRolloverCount;
ULONG KdPrintBufferSize = sizeof(KdPrintDefaultCircularBuffer);

/** Further ranges that a minidump should hold: none are registered. */
ULONG IopNumTriageDumpDataBlocks;
void *IopTriageDumpDataBlocks[64];

extern LIST_ENTRY KeBugCheckCallbackListHead, IopErrorLogListHead, ExpSystemResourcesList;
extern ULONG MmSpecialPoolTag, CmNtCSDVersion, KernelVerifier, VerifierTriageActionTaken;
extern void *KdpLoaderDebuggerBlock;
extern const UCHAR RtlpBreakWithStatusInstruction[];

KDDEBUGGER_DATA64 KdDebuggerDataBlock = {
    .Header = { ADDRESS(KdpDebuggerDataListHead), ADDRESS(KdpDebuggerDataListHead), KDBG_TAG, sizeof(KDDEBUGGER_DATA64) },
    .KernBase = (ULONG64)__ImageBase,
    .BreakpointWithStatus = (ULONG64)RtlpBreakWithStatusInstruction,
    .PaeEnabled = 1,
    .PsLoadedModuleList = ADDRESS(PsLoadedModuleList),
    .PsActiveProcessHead = ADDRESS(PsActiveProcessHead),
    .ExpSystemResourcesList = ADDRESS(ExpSystemResourcesList),
    .KeTimeIncrement = ADDRESS(KeTimeIncrement),
    .KeBugCheckCallbackListHead = ADDRESS(KeBugCheckCallbackListHead),
    .KiBugcheckData = ADDRESS(KiBugCheckData),
    .IopErrorLogListHead = ADDRESS(IopErrorLogListHead),
    .MmPfnDatabase = ADDRESS(MmPfnDatabase),
    .MmPageSize = 0x1000,
    .MmHighestUserAddress = ADDRESS(MmHighestUserAddress),
    .MmSystemRangeStart = ADDRESS(MmSystemRangeStart),
    .MmUserProbeAddress = ADDRESS(MmUserProbeAddress),
    .KdPrintCircularBuffer = (ULONG64)KdPrintDefaultCircularBuffer,
    .KdPrintCircularBufferEnd = (ULONG64)(KdPrintDefaultCircularBuffer + sizeof(KdPrintDefaultCircularBuffer)),
    .KdPrintWritePointer = ADDRESS(KdPrintWritePointer),
    .KdPrintRolloverCount = ADDRESS(KdPrintRolloverCount),
    .NtBuildLab = (ULONG64)NtBuildLabEx,
    .KiProcessorBlock = (ULONG64)KiProcessorBlock,
    .MmUnloadedDrivers = ADDRESS(MmUnloadedDrivers),
    .MmLastUnloadedDriver = ADDRESS(MmLastUnloadedDriver),
    .MmTriageActionTaken = ADDRESS(VerifierTriageActionTaken),
    .MmSpecialPoolTag = ADDRESS(MmSpecialPoolTag),
    .KernelVerifier = ADDRESS(KernelVerifier),
    .CmNtCSDVersion = ADDRESS(CmNtCSDVersion),
    .MmPhysicalMemoryBlock = ADDRESS(MmPhysicalMemoryBlock),
    .OffsetKThreadNextProcessor = offsetof(KTHREAD, NextProcessor),
    .OffsetKThreadTeb = offsetof(KTHREAD, Teb),
    .OffsetKThreadKernelStack = offsetof(KTHREAD, KernelStack),
    .OffsetKThreadInitialStack = offsetof(KTHREAD, InitialStack),
    .OffsetKThreadApcProcess = offsetof(KTHREAD, ApcState.Process),
    .OffsetKThreadState = offsetof(KTHREAD, State),
    .SizeEProcess = sizeof(EPROCESS),
    .OffsetEprocessPeb = offsetof(EPROCESS, Peb),
    .OffsetEprocessParentCID = offsetof(EPROCESS, InheritedFromUniqueProcessId),
    .OffsetEprocessDirectoryTableBase = offsetof(EPROCESS, Pcb.DirectoryTableBase),
    .SizePrcb = sizeof(KPRCB),
    .OffsetPrcbDpcRoutine = offsetof(KPRCB, DpcRoutineActive),
    .OffsetPrcbCurrentThread = offsetof(KPRCB, CurrentThread),
    .OffsetPrcbMhz = offsetof(KPRCB, MHz),
    .OffsetPrcbCpuType = offsetof(KPRCB, CpuType),
    .OffsetPrcbVendorString = offsetof(KPRCB, VendorString),
    .OffsetPrcbProcStateContext = offsetof(KPRCB, ProcessorState.ContextFrame),
    .OffsetPrcbNumber = offsetof(KPRCB, Number),
    .SizeEThread = sizeof(ETHREAD),
    .KdPrintCircularBufferPtr = ADDRESS(KdPrintCircularBuffer),
    .KdPrintBufferSize = ADDRESS(KdPrintBufferSize),
    .KeLoaderBlock = ADDRESS(KdpLoaderDebuggerBlock),
    .SizePcr = sizeof(KPCR),
    .OffsetPcrSelfPcr = offsetof(KPCR, Self),
    .OffsetPcrCurrentPrcb = offsetof(KPCR, CurrentPrcb),
    .OffsetPcrContainedPrcb = offsetof(KPCR, Prcb),
    .OffsetPrcbProcStateSpecialReg = offsetof(KPRCB, ProcessorState.SpecialRegisters),
    .GdtR0Code = 0x10,
    .GdtR0Data = 0x18,
    .GdtR3Code = 0x33,
    .GdtR3Data = 0x2B,
    .GdtTss = 0x40,
    .Gdt64R3CmCode = 0x23,
    .Gdt64R3CmTeb = 0x53,
    .IopNumTriageDumpDataBlocks = ADDRESS(IopNumTriageDumpDataBlocks),
    .IopTriageDumpDataBlocks = (ULONG64)IopTriageDumpDataBlocks,
    .OffsetPrcbContext = offsetof(KPRCB, Context),
    .OffsetKThreadStackLimit = offsetof(KTHREAD, StackLimit),
    .OffsetKThreadStackBase = offsetof(KTHREAD, StackBase),
    .OffsetKThreadQueueListEntry = offsetof(KTHREAD, QueueListEntry),
    .OffsetEThreadIrpList = offsetof(ETHREAD, IrpList),
    .OffsetPrcbIdleThread = offsetof(KPRCB, IdleThread),
    .OffsetPrcbNormalDpcState = offsetof(KPRCB, NormalDpcState),
    .OffsetPrcbDpcStack = offsetof(KPRCB, DpcStack),
    .OffsetPrcbIsrStack = offsetof(KPRCB, IsrStack),
    .SizeKDPC_STACK_FRAME = 0x50, // the structure is in no public symbol; the size is in real dumps
    .OffsetKPriQueueThreadListHead = offsetof(KPRIQUEUE, ThreadListHead),
    .OffsetKThreadWaitReason = offsetof(KTHREAD, WaitReason),
};

DBGKD_GET_VERSION64 KdVersionBlock = {
    .MajorVersion = 0xF, // free build
    .MinorVersion = 19041,
    .ProtocolVersion = 6,
    .KdSecondaryVersion = 0,
    .Flags = 7, // MP, data, pointers of 64 bits
    .MachineType = 0x8664,
    // unverified: protocol limits as public debugger clients state them; only live debugging reads them
    .MaxPacketType = 0xC,
    .MaxStateChange = 3,
    .MaxManipulate = 0x2D,
    .KernBase = (ULONG64)__ImageBase,
    .PsLoadedModuleList = ADDRESS(PsLoadedModuleList),
    .DebuggerDataList = ADDRESS(KdpDebuggerDataListHead),
};

// What a debugger reads first: KDDEBUGGER_DATA64 as WDBGEXTS.H declares it, in the size of build 19041 (0x380 bytes),
// and the version block that leads to it.
#ifndef KD_H
#define KD_H
#include "ntdef.h"

#define KDBG_TAG 0x4742444B // 'KDBG'

typedef struct _DBGKD_DEBUG_DATA_HEADER64 {
    ULONG64 Flink;
    ULONG64 Blink;
    ULONG OwnerTag;
    ULONG Size;
} DBGKD_DEBUG_DATA_HEADER64;

typedef struct _KDDEBUGGER_DATA64 {
    DBGKD_DEBUG_DATA_HEADER64 Header;
    ULONG64 KernBase, BreakpointWithStatus, SavedContext;
    USHORT ThCallbackStack, NextCallback, FramePointer, PaeEnabled;
    ULONG64 KiCallUserMode, KeUserCallbackDispatcher;
    ULONG64 PsLoadedModuleList, PsActiveProcessHead, PspCidTable, ExpSystemResourcesList;
    ULONG64 ExpPagedPoolDescriptor, ExpNumberOfPagedPools, KeTimeIncrement, KeBugCheckCallbackListHead;
    ULONG64 KiBugcheckData, IopErrorLogListHead, ObpRootDirectoryObject, ObpTypeObjectType;
    ULONG64 MmSystemCacheStart, MmSystemCacheEnd, MmSystemCacheWs, MmPfnDatabase;
    ULONG64 MmSystemPtesStart, MmSystemPtesEnd, MmSubsectionBase, MmNumberOfPagingFiles;
    ULONG64 MmLowestPhysicalPage, MmHighestPhysicalPage, MmNumberOfPhysicalPages, MmMaximumNonPagedPoolInBytes;
    ULONG64 MmNonPagedSystemStart, MmNonPagedPoolStart, MmNonPagedPoolEnd, MmPagedPoolStart, MmPagedPoolEnd;
    ULONG64 MmPagedPoolInformation, MmPageSize, MmSizeOfPagedPoolInBytes, MmTotalCommitLimit, MmTotalCommittedPages;
    ULONG64 MmSharedCommit, MmDriverCommit, MmProcessCommit, MmPagedPoolCommit, MmExtendedCommit;
    ULONG64 MmZeroedPageListHead, MmFreePageListHead, MmStandbyPageListHead, MmModifiedPageListHead;
    ULONG64 MmModifiedNoWritePageListHead, MmAvailablePages, MmResidentAvailablePages, PoolTrackTable;
    ULONG64 NonPagedPoolDescriptor, MmHighestUserAddress, MmSystemRangeStart, MmUserProbeAddress;
    ULONG64 KdPrintCircularBuffer, KdPrintCircularBufferEnd, KdPrintWritePointer, KdPrintRolloverCount;
    ULONG64 MmLoadedUserImageList, NtBuildLab, KiNormalSystemCall, KiProcessorBlock;
    ULONG64 MmUnloadedDrivers, MmLastUnloadedDriver, MmTriageActionTaken, MmSpecialPoolTag;
    ULONG64 KernelVerifier, MmVerifierData, MmAllocatedNonPagedPool, MmPeakCommitment;
    ULONG64 MmTotalCommitLimitMaximum, CmNtCSDVersion, MmPhysicalMemoryBlock;
    ULONG64 MmSessionBase, MmSessionSize, MmSystemParentTablePage, MmVirtualTranslationBase;
    USHORT OffsetKThreadNextProcessor, OffsetKThreadTeb, OffsetKThreadKernelStack, OffsetKThreadInitialStack;
    USHORT OffsetKThreadApcProcess, OffsetKThreadState, OffsetKThreadBStore, OffsetKThreadBStoreLimit;
    USHORT SizeEProcess, OffsetEprocessPeb, OffsetEprocessParentCID, OffsetEprocessDirectoryTableBase;
    USHORT SizePrcb, OffsetPrcbDpcRoutine, OffsetPrcbCurrentThread, OffsetPrcbMhz;
    USHORT OffsetPrcbCpuType, OffsetPrcbVendorString, OffsetPrcbProcStateContext, OffsetPrcbNumber;
    USHORT SizeEThread;
    UCHAR L1tfHighPhysicalBitIndex, L1tfSwizzleBitIndex;
    ULONG Padding0;
    ULONG64 KdPrintCircularBufferPtr, KdPrintBufferSize, KeLoaderBlock;
    USHORT SizePcr, OffsetPcrSelfPcr, OffsetPcrCurrentPrcb, OffsetPcrContainedPrcb;
    USHORT OffsetPcrInitialBStore, OffsetPcrBStoreLimit, OffsetPcrInitialStack, OffsetPcrStackLimit;
    USHORT OffsetPrcbPcrPage, OffsetPrcbProcStateSpecialReg;
    USHORT GdtR0Code, GdtR0Data, GdtR0Pcr, GdtR3Code, GdtR3Data, GdtR3Teb, GdtLdt, GdtTss, Gdt64R3CmCode, Gdt64R3CmTeb;
    ULONG64 IopNumTriageDumpDataBlocks, IopTriageDumpDataBlocks;
    ULONG64 VfCrashDataBlock, MmBadPagesDetected, MmZeroedPageSingleBitErrorsDetected;
    ULONG64 EtwpDebuggerData;
    USHORT OffsetPrcbContext, OffsetPrcbMaxBreakpoints, OffsetPrcbMaxWatchpoints, Padding1;
    ULONG OffsetKThreadStackLimit, OffsetKThreadStackBase, OffsetKThreadQueueListEntry, OffsetEThreadIrpList;
    USHORT OffsetPrcbIdleThread, OffsetPrcbNormalDpcState, OffsetPrcbDpcStack, OffsetPrcbIsrStack;
    USHORT SizeKDPC_STACK_FRAME, OffsetKPriQueueThreadListHead, OffsetKThreadWaitReason, Padding2;
    ULONG64 PteBase;
    ULONG64 RetpolineStubFunctionTable;
    ULONG RetpolineStubFunctionTableSize, RetpolineStubOffset, RetpolineStubSize;
    USHORT OffsetEProcessMmHotPatchContext, Padding3;
} KDDEBUGGER_DATA64;
_Static_assert(sizeof(KDDEBUGGER_DATA64) == 0x380, "KDDEBUGGER_DATA64");

typedef struct _DBGKD_GET_VERSION64 {
    USHORT MajorVersion;
    USHORT MinorVersion;
    UCHAR ProtocolVersion;
    UCHAR KdSecondaryVersion;
    USHORT Flags;
    USHORT MachineType;
    UCHAR MaxPacketType;
    UCHAR MaxStateChange;
    UCHAR MaxManipulate;
    UCHAR Simulation;
    USHORT Unused[1];
    ULONG64 KernBase;
    ULONG64 PsLoadedModuleList;
    ULONG64 DebuggerDataList;
} DBGKD_GET_VERSION64;
_Static_assert(sizeof(DBGKD_GET_VERSION64) == 0x28, "DBGKD_GET_VERSION64");

#endif

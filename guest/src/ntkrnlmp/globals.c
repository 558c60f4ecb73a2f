// Kernel variables that a debugger, a dump header or the boot code finds by name. Lists start empty (they link to
// themselves); variables that are filled in at boot are zero here.
#include "kernel.h"

LIST_ENTRY PsLoadedModuleList = EMPTY_LIST(PsLoadedModuleList);
LIST_ENTRY PsActiveProcessHead = EMPTY_LIST(PsActiveProcessHead);
void *PsNtosImageBase = __ImageBase;
struct _EPROCESS *PsInitialSystemProcess;
/** The idle process and the boot processor's idle thread are storage of the image, as in build 19041. */
struct _EPROCESS KiInitialProcess;
struct _ETHREAD KiInitialThread;
struct _EPROCESS *PsIdleProcess = &KiInitialProcess;

struct _KPRCB *KiProcessorBlock[MAX_PROCESSORS];
ULONG KeNumberProcessors;
ULONG KeMaximumProcessors = MAX_PROCESSORS;
/** 100 ns units between clock interrupts: 15.625 ms. */
ULONG KeTimeIncrement = 156250;
void *KeLoaderBlock;
void *KdpLoaderDebuggerBlock;

ULONG64 KiBugCheckData[5];
ULONG KiBugCheckActive;
LIST_ENTRY KeBugCheckCallbackListHead = EMPTY_LIST(KeBugCheckCallbackListHead);
LIST_ENTRY KeBugCheckReasonCallbackListHead = EMPTY_LIST(KeBugCheckReasonCallbackListHead);
LIST_ENTRY IopErrorLogListHead = EMPTY_LIST(IopErrorLogListHead);
LIST_ENTRY ExpSystemResourcesList = EMPTY_LIST(ExpSystemResourcesList);

struct _PHYSICAL_MEMORY_DESCRIPTOR *MmPhysicalMemoryBlock;
void *MmPfnDatabase;
ULONG64 MmPteBase;
ULONG64 MmLowestPhysicalPage;
ULONG64 MmHighestPhysicalPage;
ULONG64 MmNumberOfPhysicalPages;
const ULONG64 MmHighestUserAddress = 0x00007FFFFFFEFFFF;
const ULONG64 MmUserProbeAddress = 0x00007FFFFFFF0000;
const ULONG64 MmSystemRangeStart = 0xFFFF800000000000;
BOOLEAN Mm64BitPhysicalAddress = TRUE;
ULONG MmSpecialPoolTag;
/** Driver Verifier is off. */
ULONG KernelVerifier;
ULONG VerifierTriageActionTaken;

/** The ring of unloaded drivers; MmLastUnloadedDriver is the next entry to write. */
struct _UNLOADED_DRIVERS MiUnloadedDrivers[MI_UNLOADED_DRIVERS];
struct _UNLOADED_DRIVERS *MmUnloadedDrivers = MiUnloadedDrivers;
ULONG MmLastUnloadedDriver;

#define BUILD 19041
/** Bits 28..31: 0xF free build, 0xC checked build. */
ULONG NtBuildNumber = 0xF0000000 | BUILD;
const char NtBuildLab[] = "19041.vb_release.191206-1406";
const char NtBuildLabEx[] = "19041.1.amd64fre.vb_release.191206-1406";
/** Service pack: none. */
ULONG CmNtCSDVersion;

// crashdmp.sys: the broker. DriverEntry fills the kernel's call table; its routines are modelled outside the guest.
// Table: x86 offsets of Windows 7 (crashdmp.wordpress.com, "Pre-initialization"), pointers widened. unverified for 19041.
#include "synthetic.h"

IMPORT LARGE_INTEGER MmGetPhysicalAddress(void *BaseAddress);
IMPORT void KeStallExecutionProcessor(ULONG MicroSeconds);
IMPORT void *memset(void *Destination, int Value, ULONG64 Length);

typedef struct _CRASHDMP_TABLE {
    ULONG MajorVersion;
    ULONG MinorVersion;
    void *Routine[8];
} CRASHDMP_TABLE;

SYNTHETIC(CrashdmpInitialize)
SYNTHETIC(CrashdmpLoadDumpStack)
SYNTHETIC(CrashdmpFreeDumpStack)
SYNTHETIC(CrashdmpDisable)
SYNTHETIC(CrashdmpNotify)
SYNTHETIC(CrashdmpUpdatePhysicalRange)

static UCHAR CrashdmpHeader[0x2000];

EXPORT NTSTATUS CrashdmpInitDumpStack(void *DumpBlock) {
    if (MmGetPhysicalAddress(DumpBlock).QuadPart == 0) return STATUS_UNSUCCESSFUL;
    return SyntheticRoutine("CrashdmpInitDumpStack");
}

EXPORT NTSTATUS CrashdmpWrite(void *DumpBlock, ULONG BugCheckCode, ULONG64 *Parameters, CONTEXT *Context, void *Thread) {
    NTSTATUS status = CrashdmpInitDumpStack(DumpBlock);
    if (status < 0) return status;
    memset(CrashdmpHeader, 'P', sizeof(CrashdmpHeader));
    *(ULONG *)(CrashdmpHeader + 0x38) = BugCheckCode;
    for (int i = 0; i < 4; i++) *(ULONG64 *)(CrashdmpHeader + 0x40 + i * 8) = Parameters[i];
    KeStallExecutionProcessor(Context != NULL && Thread != NULL);
    return SyntheticRoutine("CrashdmpWrite");
}

/** The arguments are the path of the boot device and the call table of the kernel, not a driver object and a registry path. */
NTSTATUS DriverEntry(DRIVER_OBJECT *DriverObject, UNICODE_STRING *RegistryPath) {
    CRASHDMP_TABLE *table = (CRASHDMP_TABLE *)(void *)RegistryPath;
    if (DriverObject == NULL || table == NULL) return STATUS_UNSUCCESSFUL;
    table->MajorVersion = 1;
    table->MinorVersion = 1;
    table->Routine[0] = CrashdmpInitialize;
    table->Routine[1] = CrashdmpLoadDumpStack;
    table->Routine[2] = CrashdmpInitDumpStack;
    table->Routine[3] = CrashdmpFreeDumpStack;
    table->Routine[4] = CrashdmpDisable;
    table->Routine[5] = CrashdmpNotify;
    table->Routine[6] = CrashdmpWrite;
    table->Routine[7] = CrashdmpUpdatePhysicalRange;
    return STATUS_SUCCESS;
}

// dumpfve.sys: the dump filter of BitLocker, pass-through where no volume is encrypted.
// FILTER_INITIALIZATION_DATA: learn.microsoft.com/windows-hardware/drivers/ddi/ntdddump.
#include "synthetic.h"

typedef struct _FILTER_INITIALIZATION_DATA {
    ULONG MajorVersion;
    ULONG MinorVersion;
    void *DumpStart;
    void *DumpWrite;
    void *DumpFinish;
    void *DumpUnload;
    void *DumpData;
    ULONG MaxPagesPerWrite;
    ULONG Flags;
} FILTER_INITIALIZATION_DATA;

static ULONG DumpFveWrites;

EXPORT NTSTATUS DumpFveStart(void *FilterExtension) {
    DumpFveWrites = 0;
    return FilterExtension != NULL ? STATUS_SUCCESS : SyntheticRoutine("DumpFveStart");
}

/** Nothing is encrypted: offset, list and bytes stay as they are. */
EXPORT NTSTATUS DumpFveWrite(void *FilterExtension, LARGE_INTEGER *DiskByteOffset, MDL *Mdl) {
    if (FilterExtension == NULL || DiskByteOffset == NULL || Mdl == NULL) return SyntheticRoutine("DumpFveWrite");
    DumpFveWrites++;
    return STATUS_SUCCESS;
}

EXPORT NTSTATUS DumpFveFinish(void *FilterExtension) {
    return FilterExtension != NULL ? STATUS_SUCCESS : SyntheticRoutine("DumpFveFinish");
}

EXPORT NTSTATUS DumpFveUnload(void *FilterExtension) {
    return FilterExtension != NULL ? STATUS_SUCCESS : SyntheticRoutine("DumpFveUnload");
}

NTSTATUS DriverEntry(DRIVER_OBJECT *FilterExtension, UNICODE_STRING *FilterInitialization) {
    FILTER_INITIALIZATION_DATA *data = (FILTER_INITIALIZATION_DATA *)(void *)FilterInitialization;
    if (FilterExtension == NULL || data == NULL) return STATUS_UNSUCCESSFUL;
    data->MajorVersion = 1;
    data->MinorVersion = 0;
    data->DumpStart = DumpFveStart;
    data->DumpWrite = DumpFveWrite;
    data->DumpFinish = DumpFveFinish;
    data->DumpUnload = DumpFveUnload;
    return STATUS_SUCCESS;
}

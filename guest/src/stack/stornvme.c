// stornvme.sys: the NVMe miniport. Its behaviour is a TypeScript miniport; the image has the imports and entry points.
#include "synthetic-miniport.h"

EXPORT ULONG NvmeHwFindAdapter(void *Extension, void *HwContext, void *BusInformation, CHAR *ArgumentString,
                                 void *ConfigInfo, BOOLEAN *Again) {
    UCHAR configuration[16];
    LARGE_INTEGER base = { .QuadPart = 0 };
    (void)HwContext;
    (void)BusInformation;
    (void)ArgumentString;
    *Again = FALSE;
    if (StorPortGetBusData(Extension, PCI_CONFIGURATION, 0, 0, configuration, sizeof(configuration)) == 0) return SP_RETURN_ERROR;
    StorPortGetDeviceBase(Extension, 5, 0, base, 0x4000, FALSE);
    StorPortGetUncachedExtension(Extension, ConfigInfo, 0xC000);
    SyntheticRoutine("NvmeHwFindAdapter");
    return SP_RETURN_ERROR;
}

EXPORT BOOLEAN NvmeHwInitialize(void *Extension) {
    StorPortExtendedFunction(14, Extension);
    StorPortStallExecution(100);
    StorPortSetDeviceQueueDepth(Extension, 0, 0, 0, 32);
    return SyntheticRoutine("NvmeHwInitialize") == STATUS_SUCCESS;
}

EXPORT BOOLEAN NvmeHwBuildIo(void *Extension, void *Srb) {
    ULONG length;
    if (StorPortGetScatterGatherList(Extension, Srb) == NULL) return FALSE;
    return StorPortGetPhysicalAddress(Extension, Srb, Srb, &length).QuadPart != 0;
}

EXPORT BOOLEAN NvmeHwStartIo(void *Extension, void *Srb) {
    StorPortNotification(0, Extension, Srb);
    return SyntheticRoutine("NvmeHwStartIo") == STATUS_SUCCESS;
}

EXPORT BOOLEAN NvmeHwInterrupt(void *Extension) {
    return SyntheticRoutine("NvmeHwInterrupt") == STATUS_SUCCESS && Extension != NULL;
}

EXPORT BOOLEAN NvmeHwResetBus(void *Extension, ULONG PathId) {
    (void)Extension;
    StorPortStallExecution(1000 + PathId);
    return SyntheticRoutine("NvmeHwResetBus") == STATUS_SUCCESS;
}

NTSTATUS DriverEntry(DRIVER_OBJECT *DriverObject, UNICODE_STRING *RegistryPath) {
    static const SYNTHETIC_MINIPORT Miniport = {
        .HwInitialize = NvmeHwInitialize,
        .HwStartIo = NvmeHwStartIo,
        .HwInterrupt = NvmeHwInterrupt,
        .HwFindAdapter = NvmeHwFindAdapter,
        .HwResetBus = NvmeHwResetBus,
        .HwBuildIo = NvmeHwBuildIo,
    };
    return SyntheticDriverEntry(DriverObject, RegistryPath, &Miniport);
}

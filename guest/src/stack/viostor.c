// viostor.sys: the virtio-blk miniport. Its behaviour is a TypeScript miniport; the image has the imports and entry points.
#include "synthetic-miniport.h"

EXPORT ULONG VirtIoHwFindAdapter(void *Extension, void *HwContext, void *BusInformation, CHAR *ArgumentString,
                                 void *ConfigInfo, BOOLEAN *Again) {
    UCHAR configuration[256];
    LARGE_INTEGER base = { .QuadPart = 0 };
    (void)HwContext;
    (void)BusInformation;
    (void)ArgumentString;
    *Again = FALSE;
    if (StorPortGetBusData(Extension, PCI_CONFIGURATION, 0, 0, configuration, sizeof(configuration)) == 0) return SP_RETURN_ERROR;
    StorPortGetDeviceBase(Extension, 5, 0, base, 0x4000, FALSE);
    StorPortGetUncachedExtension(Extension, ConfigInfo, 0x3000);
    SyntheticRoutine("VirtIoHwFindAdapter");
    return SP_RETURN_ERROR;
}

EXPORT BOOLEAN VirtIoHwInitialize(void *Extension) {
    StorPortExtendedFunction(14, Extension);
    StorPortStallExecution(100);
    StorPortSetDeviceQueueDepth(Extension, 0, 0, 0, 32);
    return SyntheticRoutine("VirtIoHwInitialize") == STATUS_SUCCESS;
}

EXPORT BOOLEAN VirtIoHwBuildIo(void *Extension, void *Srb) {
    ULONG length;
    if (StorPortGetScatterGatherList(Extension, Srb) == NULL) return FALSE;
    return StorPortGetPhysicalAddress(Extension, Srb, Srb, &length).QuadPart != 0;
}

EXPORT BOOLEAN VirtIoHwStartIo(void *Extension, void *Srb) {
    StorPortNotification(0, Extension, Srb);
    return SyntheticRoutine("VirtIoHwStartIo") == STATUS_SUCCESS;
}

EXPORT BOOLEAN VirtIoHwInterrupt(void *Extension) {
    return SyntheticRoutine("VirtIoHwInterrupt") == STATUS_SUCCESS && Extension != NULL;
}

EXPORT BOOLEAN VirtIoHwResetBus(void *Extension, ULONG PathId) {
    (void)Extension;
    StorPortStallExecution(1000 + PathId);
    return SyntheticRoutine("VirtIoHwResetBus") == STATUS_SUCCESS;
}

NTSTATUS DriverEntry(DRIVER_OBJECT *DriverObject, UNICODE_STRING *RegistryPath) {
    static const SYNTHETIC_MINIPORT Miniport = {
        .HwInitialize = VirtIoHwInitialize,
        .HwStartIo = VirtIoHwStartIo,
        .HwInterrupt = VirtIoHwInterrupt,
        .HwFindAdapter = VirtIoHwFindAdapter,
        .HwResetBus = VirtIoHwResetBus,
        .HwBuildIo = VirtIoHwBuildIo,
    };
    return SyntheticDriverEntry(DriverObject, RegistryPath, &Miniport);
}

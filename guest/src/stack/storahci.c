// storahci.sys: the AHCI miniport. Its behaviour is a TypeScript miniport; the image has the imports and entry points.
#include "synthetic-miniport.h"

IMPORT BOOLEAN StorPortPause(void *Extension, ULONG TimeOut);
IMPORT BOOLEAN StorPortResume(void *Extension);
IMPORT void StorPortQuerySystemTime(LARGE_INTEGER *CurrentTime);
IMPORT void StorPortDebugPrint(ULONG Level, const char *Message, ...);

EXPORT ULONG AhciHwFindAdapter(void *Extension, void *HwContext, void *BusInformation, CHAR *ArgumentString,
                               void *ConfigInfo, BOOLEAN *Again) {
    UCHAR configuration[64];
    LARGE_INTEGER base = { .QuadPart = 0 };
    (void)HwContext;
    (void)BusInformation;
    (void)ArgumentString;
    *Again = FALSE;
    if (StorPortGetBusData(Extension, PCI_CONFIGURATION, 0, 0, configuration, sizeof(configuration)) == 0) return SP_RETURN_ERROR;
    StorPortGetDeviceBase(Extension, 5, 0, base, 0x1000, FALSE);
    StorPortGetUncachedExtension(Extension, ConfigInfo, 0x1000);
    SyntheticRoutine("AhciHwFindAdapter");
    return SP_RETURN_ERROR;
}

EXPORT BOOLEAN AhciHwInitialize(void *Extension) {
    StorPortExtendedFunction(14, Extension);
    StorPortSetDeviceQueueDepth(Extension, 0, 0, 0, 32);
    return SyntheticRoutine("AhciHwInitialize") == STATUS_SUCCESS;
}

EXPORT BOOLEAN AhciHwBuildIo(void *Extension, void *Srb) {
    ULONG length;
    if (StorPortGetScatterGatherList(Extension, Srb) == NULL) return FALSE;
    return StorPortGetPhysicalAddress(Extension, Srb, Srb, &length).QuadPart != 0;
}

EXPORT BOOLEAN AhciHwStartIo(void *Extension, void *Srb) {
    StorPortNotification(0, Extension, Srb);
    return SyntheticRoutine("AhciHwStartIo") == STATUS_SUCCESS;
}

EXPORT BOOLEAN AhciHwInterrupt(void *Extension) {
    LARGE_INTEGER now;
    StorPortQuerySystemTime(&now);
    StorPortDebugPrint(3, "AhciHwInterrupt");
    return SyntheticRoutine("AhciHwInterrupt") == STATUS_SUCCESS && Extension != NULL;
}

EXPORT BOOLEAN AhciHwResetBus(void *Extension, ULONG PathId) {
    StorPortPause(Extension, 60);
    StorPortStallExecution(1000 + PathId);
    StorPortResume(Extension);
    return SyntheticRoutine("AhciHwResetBus") == STATUS_SUCCESS;
}

NTSTATUS DriverEntry(DRIVER_OBJECT *DriverObject, UNICODE_STRING *RegistryPath) {
    static const SYNTHETIC_MINIPORT Miniport = {
        .HwInitialize = AhciHwInitialize,
        .HwStartIo = AhciHwStartIo,
        .HwInterrupt = AhciHwInterrupt,
        .HwFindAdapter = AhciHwFindAdapter,
        .HwResetBus = AhciHwResetBus,
        .HwBuildIo = AhciHwBuildIo,
    };
    return SyntheticDriverEntry(DriverObject, RegistryPath, &Miniport);
}

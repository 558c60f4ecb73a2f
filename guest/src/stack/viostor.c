// viostor.sys: the virtio-blk miniport. Its behaviour is a TypeScript miniport; the image has the imports and entry points.
#include "synthetic.h"

#define SP_RETURN_ERROR 2
#define HW_INITIALIZATION_DATA_SIZE 0xD0
#define PCI_CONFIGURATION 4

IMPORT ULONG StorPortInitialize(void *DriverObject, void *RegistryPath, void *HwInitializationData, void *HwContext);
IMPORT void StorPortNotification(ULONG NotificationType, void *HwDeviceExtension, ...);
IMPORT ULONG StorPortExtendedFunction(ULONG FunctionCode, void *HwDeviceExtension, ...);
IMPORT void *StorPortGetDeviceBase(void *Extension, ULONG BusType, ULONG Bus, LARGE_INTEGER Address, ULONG Bytes, BOOLEAN InIoSpace);
IMPORT void *StorPortGetScatterGatherList(void *Extension, void *Srb);
IMPORT void *StorPortGetUncachedExtension(void *Extension, void *ConfigInfo, ULONG Bytes);
IMPORT ULONG StorPortGetBusData(void *Extension, ULONG BusDataType, ULONG Bus, ULONG Slot, void *Buffer, ULONG Length);
IMPORT LARGE_INTEGER StorPortGetPhysicalAddress(void *Extension, void *Srb, void *VirtualAddress, ULONG *Length);
IMPORT BOOLEAN StorPortSetDeviceQueueDepth(void *Extension, UCHAR Path, UCHAR Target, UCHAR Lun, ULONG Depth);
IMPORT void StorPortStallExecution(ULONG Delay);
IMPORT void *memset(void *Destination, int Value, ULONG64 Length);

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
    ULONG64 data[HW_INITIALIZATION_DATA_SIZE / 8];
    UCHAR *bytes = (UCHAR *)data;
    memset(data, 0, sizeof(data));
    *(ULONG *)bytes = HW_INITIALIZATION_DATA_SIZE;
    *(ULONG *)(bytes + 0x04) = 5; // PCIBus
    data[0x08 / 8] = (ULONG64)VirtIoHwInitialize;
    data[0x10 / 8] = (ULONG64)VirtIoHwStartIo;
    data[0x18 / 8] = (ULONG64)VirtIoHwInterrupt;
    data[0x20 / 8] = (ULONG64)VirtIoHwFindAdapter;
    data[0x28 / 8] = (ULONG64)VirtIoHwResetBus;
    *(ULONG *)(bytes + 0x4C) = 6; // access ranges
    bytes[0x59] = TRUE; // NeedPhysicalAddresses
    bytes[0x5A] = TRUE; // TaggedQueuing
    bytes[0x5B] = TRUE; // AutoRequestSense
    bytes[0x5C] = TRUE; // MultipleRequestPerLu
    data[0x80 / 8] = (ULONG64)VirtIoHwBuildIo;
    return (NTSTATUS)StorPortInitialize(DriverObject, RegistryPath, data, NULL);
}

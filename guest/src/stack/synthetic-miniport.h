// A stub of a Storport miniport: its imports from the port, and a DriverEntry that passes its routines to the port.
#ifndef SYNTHETIC_MINIPORT_H
#define SYNTHETIC_MINIPORT_H
#include "synthetic.h"

#define SP_RETURN_ERROR 2
#define HW_INITIALIZATION_DATA_SIZE 0xD0
#define PCI_BUS 5
#define PCI_CONFIGURATION 4
#define PCI_ACCESS_RANGES 6

IMPORT ULONG StorPortInitialize(void *DriverObject, void *RegistryPath, void *HwInitializationData, void *HwContext);
IMPORT void StorPortNotification(ULONG NotificationType, void *HwDeviceExtension, ...);
IMPORT ULONG StorPortExtendedFunction(ULONG FunctionCode, void *HwDeviceExtension, ...);
IMPORT void *StorPortGetDeviceBase(void *Extension, ULONG BusType, ULONG Bus, LARGE_INTEGER Address, ULONG Bytes, BOOLEAN InIoSpace);
IMPORT LARGE_INTEGER StorPortGetPhysicalAddress(void *Extension, void *Srb, void *VirtualAddress, ULONG *Length);
IMPORT void *StorPortGetScatterGatherList(void *Extension, void *Srb);
IMPORT void *StorPortGetUncachedExtension(void *Extension, void *ConfigInfo, ULONG Bytes);
IMPORT ULONG StorPortGetBusData(void *Extension, ULONG BusDataType, ULONG Bus, ULONG Slot, void *Buffer, ULONG Length);
IMPORT BOOLEAN StorPortSetDeviceQueueDepth(void *Extension, UCHAR Path, UCHAR Target, UCHAR Lun, ULONG Depth);
IMPORT void StorPortStallExecution(ULONG Delay);
IMPORT void *memset(void *Destination, int Value, ULONG64 Length);

typedef BOOLEAN SYNTHETIC_ADAPTER_ROUTINE(void *Extension);
typedef BOOLEAN SYNTHETIC_SRB_ROUTINE(void *Extension, void *Srb);
typedef BOOLEAN SYNTHETIC_RESET_ROUTINE(void *Extension, ULONG PathId);
typedef ULONG SYNTHETIC_FIND_ROUTINE(void *Extension, void *HwContext, void *BusInformation, CHAR *ArgumentString,
                                     void *ConfigInfo, BOOLEAN *Again);

typedef struct _SYNTHETIC_MINIPORT {
    SYNTHETIC_ADAPTER_ROUTINE *HwInitialize;
    SYNTHETIC_SRB_ROUTINE *HwStartIo;
    SYNTHETIC_ADAPTER_ROUTINE *HwInterrupt;
    SYNTHETIC_FIND_ROUTINE *HwFindAdapter;
    SYNTHETIC_RESET_ROUTINE *HwResetBus;
    SYNTHETIC_SRB_ROUTINE *HwBuildIo;
} SYNTHETIC_MINIPORT;

/** HW_INITIALIZATION_DATA by its offsets (storport.h of the kit). */
static inline NTSTATUS SyntheticDriverEntry(void *DriverObject, void *RegistryPath, const SYNTHETIC_MINIPORT *Miniport) {
    ULONG64 data[HW_INITIALIZATION_DATA_SIZE / 8];
    UCHAR *bytes = (UCHAR *)data;
    memset(data, 0, sizeof(data));
    *(ULONG *)bytes = HW_INITIALIZATION_DATA_SIZE;
    *(ULONG *)(bytes + 0x04) = PCI_BUS;
    data[0x08 / 8] = (ULONG64)Miniport->HwInitialize;
    data[0x10 / 8] = (ULONG64)Miniport->HwStartIo;
    data[0x18 / 8] = (ULONG64)Miniport->HwInterrupt;
    data[0x20 / 8] = (ULONG64)Miniport->HwFindAdapter;
    data[0x28 / 8] = (ULONG64)Miniport->HwResetBus;
    *(ULONG *)(bytes + 0x4C) = PCI_ACCESS_RANGES;
    bytes[0x59] = TRUE; // NeedPhysicalAddresses
    bytes[0x5A] = TRUE; // TaggedQueuing
    bytes[0x5B] = TRUE; // AutoRequestSense
    bytes[0x5C] = TRUE; // MultipleRequestPerLu
    data[0x80 / 8] = (ULONG64)Miniport->HwBuildIo;
    return (NTSTATUS)StorPortInitialize(DriverObject, RegistryPath, data, NULL);
}

#endif

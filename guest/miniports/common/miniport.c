// What a miniport with one disk tells its port: storport.h of the kit, HW_INITIALIZATION_DATA and PORT_CONFIGURATION_INFORMATION.
#include "miniport.h"

#define PCI_ACCESS_RANGES 6

void MiniportDescribe(HW_INITIALIZATION_DATA *Data, ULONG Size, ULONG DeviceExtensionSize, ULONG SrbExtensionSize) {
    memset(Data, 0, sizeof(*Data));
    Data->HwInitializationDataSize = Size;
    Data->AdapterInterfaceType = PCIBus;
    Data->DeviceExtensionSize = DeviceExtensionSize;
    Data->SrbExtensionSize = SrbExtensionSize;
    Data->NumberOfAccessRanges = PCI_ACCESS_RANGES;
    Data->MapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS;
    Data->NeedPhysicalAddresses = TRUE;
    Data->TaggedQueuing = TRUE;
    Data->AutoRequestSense = TRUE;
    Data->MultipleRequestPerLu = TRUE;
}

void MiniportDescribeAdapter(PORT_CONFIGURATION_INFORMATION *ConfigInfo, ULONG SynchronizationModel) {
    ConfigInfo->NumberOfBuses = 1;
    ConfigInfo->MaximumNumberOfTargets = 1;
    ConfigInfo->MaximumNumberOfLogicalUnits = 1;
    ConfigInfo->ScatterGather = TRUE;
    ConfigInfo->Master = TRUE;
    ConfigInfo->MapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS;
    ConfigInfo->SynchronizationModel = SynchronizationModel;
}

void *MiniportAlign(void *DeviceExtension, UCHAR *Block, ULONG Alignment, ULONG64 *Address) {
    ULONG length;
    ULONG64 address = (ULONG64)StorPortGetPhysicalAddress(DeviceExtension, NULL, Block, &length).QuadPart;
    ULONG skip = (ULONG)(-address & (Alignment - 1));
    *Address = address + skip;
    return Block + skip;
}

ULONG MiniportListControlTypes(SCSI_SUPPORTED_CONTROL_TYPE_LIST *List) {
    for (ULONG type = 0; type < List->MaxControlType; type++) List->SupportedTypeList[type] = type <= ScsiRestartAdapter;
    return ScsiAdapterControlSuccess;
}

BOOLEAN MiniportEnd(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb, UCHAR SrbStatus) {
    SrbComplete(DeviceExtension, Srb, SrbStatus);
    return FALSE;
}

BOOLEAN MiniportBusy(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb) {
    StorPortDeviceBusy(DeviceExtension, 0, 0, 0, 1);
    SrbComplete(DeviceExtension, Srb, SRB_STATUS_BUSY);
    return TRUE;
}

BOOLEAN ArgumentsSayDump(const CHAR *Text) {
    static const CHAR Key[] = "dump=1";
    ULONG matched = 0;
    if (Text == NULL) return FALSE;
    for (; *Text != 0; Text++) {
        CHAR letter = *Text >= 'A' && *Text <= 'Z' ? (CHAR)(*Text + ('a' - 'A')) : *Text;
        if (letter == Key[matched]) {
            if (++matched == sizeof(Key) - 1) return TRUE;
        } else {
            matched = letter == Key[0] ? 1 : 0;
        }
    }
    return FALSE;
}

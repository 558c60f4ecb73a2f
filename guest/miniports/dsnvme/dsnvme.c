// The entry points. This driver is built as for Windows 7: HW_INITIALIZATION_DATA of 136 bytes, SCSI_REQUEST_BLOCK only, no dump
// pointers. It is loaded twice, to run the disk and to write the dump of a system that has stopped; the second life has one queue pair,
// no interrupts, no DPCs, no locks, one request, and about 32 KiB.
#include "dsnvme.h"

#define CLASS_NVME 0x010802

/** Known before StorPortInitialize is called: the dump port calls HwFindAdapter from inside it. */
static BOOLEAN LoadedForDump;

/** BAR 0 and 1 (2.1.10), among the ranges that the port has assigned. */
static BOOLEAN MapRegisters(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo) {
    ULONG config[0x40 / 4];
    ULONG read = StorPortGetBusData(Adapter, PCIConfiguration, ConfigInfo->SystemIoBusNumber, ConfigInfo->SlotNumber, config,
                                    sizeof(config));
    if (read < sizeof(config) || config[0x08 / 4] >> 8 != CLASS_NVME) return FALSE;
    LONG64 start = (LONG64)((ULONG64)config[0x14 / 4] << 32 | (config[0x10 / 4] & ~0xFu));
    for (ULONG i = 0; i < ConfigInfo->NumberOfAccessRanges; i++) {
        ACCESS_RANGE *range = &ConfigInfo->AccessRanges[i];
        if (!range->RangeInMemory || range->RangeLength == 0 || range->RangeStart.QuadPart != start) continue;
        Adapter->Registers = StorPortGetDeviceBase(Adapter, ConfigInfo->AdapterInterfaceType, ConfigInfo->SystemIoBusNumber,
                                                   range->RangeStart, range->RangeLength, FALSE);
        return Adapter->Registers != NULL;
    }
    return FALSE;
}

/** Memory that the controller reaches. In dump mode about 32 KiB are there in all, hardly aligned: two pages a queue pair. */
static BOOLEAN AllocateShared(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo) {
    ULONG bytes = sizeof(SHARED_MEMORY) + (NvmePairsOf(Adapter) + 1) * sizeof(QUEUE_MEMORY);
    UCHAR *block = StorPortGetUncachedExtension(Adapter, ConfigInfo, bytes + PAGE_SIZE);
    if (block == NULL) return FALSE;
    Adapter->Shared = MiniportAlign(Adapter, block, PAGE_SIZE, &Adapter->SharedAddress);
    return TRUE;
}

static ULONG NvmeHwFindAdapter(void *DeviceExtension, void *HwContext, void *BusInformation, const CHAR *ArgumentString,
                               PORT_CONFIGURATION_INFORMATION *ConfigInfo, BOOLEAN *Again) {
    ADAPTER *adapter = DeviceExtension;
    (void)HwContext;
    (void)BusInformation;
    *Again = FALSE;
    adapter->DumpMode = LoadedForDump || ArgumentsSayDump(ArgumentString);
    if (!MapRegisters(adapter, ConfigInfo)) return SP_RETURN_NOT_FOUND;
    if (!NvmeReadCapabilities(adapter) || !AllocateShared(adapter, ConfigInfo)) return SP_RETURN_ERROR;
    // How much a command may move, the controller says only once it runs.
    if (!NvmeStartController(adapter) || !NvmeIdentify(adapter)) return SP_RETURN_ERROR;

    ConfigInfo->MaximumTransferLength = adapter->MaxTransferBytes;
    ConfigInfo->NumberOfPhysicalBreaks = adapter->MaxTransferBytes / PAGE_SIZE + 1;
    ConfigInfo->AlignmentMask = 3;
    ConfigInfo->CachesData = adapter->Disk.WriteCache;
    MiniportDescribeAdapter(ConfigInfo, StorSynchronizeFullDuplex);
    ConfigInfo->Dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED;
    return SP_RETURN_FOUND;
}

/** At run time requests end here: the slots belong to the holder of the lock that HwStartIo runs under. */
static void NvmeCompletionDpc(STOR_DPC *Dpc, void *DeviceExtension, void *SystemArgument1, void *SystemArgument2) {
    ADAPTER *adapter = DeviceExtension;
    STOR_LOCK_HANDLE lock;
    (void)Dpc;
    (void)SystemArgument1;
    (void)SystemArgument2;
    memset(&lock, 0, sizeof(lock));
    StorPortNotification(AcquireSpinLock, adapter, StartIoLock, NULL, &lock);
    NvmeReap(adapter);
    WriteRegister(adapter, NVME_INTMC, LINE_VECTOR);
    StorPortNotification(ReleaseSpinLock, adapter, &lock);
}

static BOOLEAN NvmeHwInitialize(void *DeviceExtension) {
    ADAPTER *adapter = DeviceExtension;
    if (!adapter->DumpMode) StorPortNotification(InitializeDpc, adapter, &adapter->CompletionDpc, NvmeCompletionDpc);
    if (!NvmeCreateQueues(adapter)) return FALSE;
    StorPortSetDeviceQueueDepth(adapter, 0, 0, 0, adapter->Slots);
    return TRUE;
}

/** Without a volatile cache nothing is left to flush. */
static BOOLEAN BuildFlush(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    if (!Adapter->Disk.WriteCache) {
        SrbSetScsiStatus(Srb, SCSISTAT_GOOD);
        return MiniportEnd(Adapter, Srb, SRB_STATUS_SUCCESS);
    }
    NvmeComposeFlush(Srb);
    return TRUE;
}

static BOOLEAN BuildScsi(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    TRANSFER transfer;
    switch (DiskExecute(&Adapter->Disk, Srb, &transfer)) {
    case DiskTransfer:
        if (NvmeComposeTransfer(Adapter, Srb, &transfer)) return TRUE;
        return MiniportEnd(Adapter, Srb, SRB_STATUS_INVALID_REQUEST);
    case DiskFlush:
        return BuildFlush(Adapter, Srb);
    default:
        return MiniportEnd(Adapter, Srb, Srb->SrbStatus);
    }
}

/** The last request of either life: nothing else is in flight. */
static BOOLEAN BuildShutdown(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    NvmeShutDown(Adapter);
    return MiniportEnd(Adapter, Srb, SRB_STATUS_SUCCESS);
}

/** Starts the controller again; what it had may be tried again. */
static BOOLEAN Reset(ADAPTER *Adapter) {
    Adapter->Ready = FALSE;
    NvmeReap(Adapter);
    BOOLEAN isBack = NvmeStartController(Adapter) && NvmeCreateQueues(Adapter);
    NvmeFailOutstanding(Adapter);
    return isBack;
}

static BOOLEAN NvmeHwBuildIo(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb) {
    ADAPTER *adapter = DeviceExtension;
    if (!adapter->Ready) return MiniportEnd(adapter, Srb, SRB_STATUS_NO_DEVICE);
    switch (SrbGetFunction(Srb)) {
    case SRB_FUNCTION_EXECUTE_SCSI:
        return BuildScsi(adapter, Srb);
    case SRB_FUNCTION_FLUSH:
        return BuildFlush(adapter, Srb);
    case SRB_FUNCTION_SHUTDOWN:
        return BuildShutdown(adapter, Srb);
    case SRB_FUNCTION_RESET_BUS:
    case SRB_FUNCTION_RESET_DEVICE:
    case SRB_FUNCTION_RESET_LOGICAL_UNIT:
        // Needs the lock of HwStartIo at run time; nothing is reset under a dump.
        return adapter->DumpMode ? MiniportEnd(adapter, Srb, SRB_STATUS_SUCCESS) : TRUE;
    case SRB_FUNCTION_POWER:
    case SRB_FUNCTION_PNP:
        return MiniportEnd(adapter, Srb, SRB_STATUS_SUCCESS);
    default:
        return MiniportEnd(adapter, Srb, SRB_STATUS_INVALID_REQUEST);
    }
}

static BOOLEAN NvmeHwStartIo(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb) {
    ADAPTER *adapter = DeviceExtension;
    switch (SrbGetFunction(Srb)) {
    case SRB_FUNCTION_RESET_BUS:
    case SRB_FUNCTION_RESET_DEVICE:
    case SRB_FUNCTION_RESET_LOGICAL_UNIT:
        SrbComplete(adapter, Srb, Reset(adapter) ? SRB_STATUS_SUCCESS : SRB_STATUS_ERROR);
        return TRUE;
    }
    return NvmeSubmit(adapter, Srb) || MiniportBusy(adapter, Srb);
}

/** No register says whose line interrupt it is: the phase of the completion queues does, polled in a dump or not. */
static BOOLEAN NvmeHwInterrupt(void *DeviceExtension) {
    ADAPTER *adapter = DeviceExtension;
    if (adapter->DumpMode) return NvmeReap(adapter);
    ULONG queue = 1;
    while (queue <= adapter->Pairs && NvmeNextCompletion(adapter, queue) == NULL) queue++;
    if (queue > adapter->Pairs) return FALSE;
    BOOLEAN queued;
    WriteRegister(adapter, NVME_INTMS, LINE_VECTOR); // up until the DPC has given the entries back
    StorPortNotification(IssueDpc, adapter, &adapter->CompletionDpc, NULL, NULL, &queued);
    return TRUE;
}

static BOOLEAN NvmeHwResetBus(void *DeviceExtension, ULONG PathId) {
    ADAPTER *adapter = DeviceExtension;
    (void)PathId;
    return adapter->DumpMode ? TRUE : Reset(adapter);
}

static ULONG NvmeHwAdapterControl(void *DeviceExtension, ULONG ControlType, void *Parameters) {
    ADAPTER *adapter = DeviceExtension;
    switch (ControlType) {
    case ScsiQuerySupportedControlTypes:
        return MiniportListControlTypes(Parameters);
    case ScsiStopAdapter:
        NvmeShutDown(adapter);
        return ScsiAdapterControlSuccess;
    case ScsiRestartAdapter:
        return Reset(adapter) ? ScsiAdapterControlSuccess : ScsiAdapterControlUnsuccessful;
    default:
        return ScsiAdapterControlUnsuccessful;
    }
}

ULONG DriverEntry(void *DriverObject, void *RegistryPath) {
    HW_INITIALIZATION_DATA data;
    LoadedForDump = RegistryPath == NULL;
    MiniportDescribe(&data, HW_INITIALIZATION_DATA_SIZE_WIN7, sizeof(ADAPTER), sizeof(REQUEST) + REQUEST_ALIGNMENT);
    data.HwInitialize = NvmeHwInitialize;
    data.HwStartIo = NvmeHwStartIo;
    data.HwInterrupt = NvmeHwInterrupt;
    data.HwFindAdapter = NvmeHwFindAdapter;
    data.HwResetBus = NvmeHwResetBus;
    data.HwAdapterControl = NvmeHwAdapterControl;
    data.HwBuildIo = NvmeHwBuildIo;
    return StorPortInitialize(DriverObject, RegistryPath, &data, NULL);
}

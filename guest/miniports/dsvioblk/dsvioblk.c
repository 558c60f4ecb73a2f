// The entry points. This driver is built as for Windows 7: HW_INITIALIZATION_DATA of 136 bytes, SCSI_REQUEST_BLOCK only, no dump
// pointers. Like every miniport of a boot disk it is loaded twice, to run the disk and to write the dump of a system that
// has stopped; the second life has no interrupts, no DPCs, no locks, one request, and about 32 KiB.
#include "dsvioblk.h"

/** Known before StorPortInitialize is called: the dump port calls HwFindAdapter from inside it. */
static BOOLEAN LoadedForDump;

static void SetLimits(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo) {
#if BUG == 2
    // B02: a buffer of n pages has n - 1 breaks between them, so n breaks must be n + 1 pages: one page too many.
    ConfigInfo->NumberOfPhysicalBreaks = Adapter->MaxSegments + 1;
    ConfigInfo->MaximumTransferLength = ConfigInfo->NumberOfPhysicalBreaks * PAGE_SIZE;
#elif BUG == 1
    // B01: the length is computed from the segments in the branch of the running system only.
    ConfigInfo->NumberOfPhysicalBreaks = Adapter->MaxSegments;
    if (!Adapter->DumpMode) ConfigInfo->MaximumTransferLength = (Adapter->MaxSegments - 1) * PAGE_SIZE;
#else
    // One segment fewer than available: a buffer that begins inside a page touches one page more.
    ConfigInfo->NumberOfPhysicalBreaks = Adapter->MaxSegments;
    ConfigInfo->MaximumTransferLength = (Adapter->MaxSegments - 1) * PAGE_SIZE;
#endif
}

static ULONG VioHwFindAdapter(void *DeviceExtension, void *HwContext, void *BusInformation, const CHAR *ArgumentString,
                              PORT_CONFIGURATION_INFORMATION *ConfigInfo, BOOLEAN *Again) {
    ADAPTER *adapter = DeviceExtension;
    (void)HwContext;
    (void)BusInformation;
    *Again = FALSE;
    adapter->DumpMode = LoadedForDump || ArgumentsSayDump(ArgumentString);
    if (!VioFindDevice(adapter, ConfigInfo)) return SP_RETURN_NOT_FOUND;
    if (!VioResetDevice(adapter) || !VioNegotiate(adapter) || !VioAllocateQueue(adapter, ConfigInfo)) return SP_RETURN_ERROR;

    SetLimits(adapter, ConfigInfo);
    ConfigInfo->AlignmentMask = 3;
    ConfigInfo->CachesData = adapter->Disk.WriteCache;
    MiniportDescribeAdapter(ConfigInfo, StorSynchronizeFullDuplex);
    ConfigInfo->Dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED;
    return SP_RETURN_FOUND;
}

/** At run time requests complete here: the queue may be used only under the lock that HwStartIo runs under. */
static void VioCompletionDpc(STOR_DPC *Dpc, void *DeviceExtension, void *SystemArgument1, void *SystemArgument2) {
    STOR_LOCK_HANDLE lock;
    (void)Dpc;
    (void)SystemArgument1;
    (void)SystemArgument2;
    memset(&lock, 0, sizeof(lock));
    StorPortNotification(AcquireSpinLock, DeviceExtension, StartIoLock, NULL, &lock);
    VioReapQueue(DeviceExtension);
    StorPortNotification(ReleaseSpinLock, DeviceExtension, &lock);
}

static BOOLEAN VioHwInitialize(void *DeviceExtension) {
    ADAPTER *adapter = DeviceExtension;
#if BUG == 22
    // B22: completes requests in a DPC in a dump too, where no DPC runs.
    StorPortNotification(InitializeDpc, adapter, &adapter->CompletionDpc, VioCompletionDpc);
#else
    if (!adapter->DumpMode) StorPortNotification(InitializeDpc, adapter, &adapter->CompletionDpc, VioCompletionDpc);
#endif
    if (!VioStartDevice(adapter)) return FALSE;
    ULONG perRequest = (adapter->Features & VIRTIO_F_INDIRECT_DESC) != 0 ? 1 : adapter->MaxSegments + 2;
    StorPortSetDeviceQueueDepth(adapter, 0, 0, 0, adapter->DumpMode ? 1 : adapter->Queue.Size / perRequest);
    return TRUE;
}

/** A device without VIRTIO_BLK_F_FLUSH writes through: there is nothing to flush (5.2.5). */
static BOOLEAN BuildFlush(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    if ((Adapter->Features & VIRTIO_BLK_F_FLUSH) == 0) {
        SrbSetScsiStatus(Srb, SCSISTAT_GOOD);
        return MiniportEnd(Adapter, Srb, SRB_STATUS_SUCCESS);
    }
    VioComposeFlush(Adapter, Srb);
    return TRUE;
}

static BOOLEAN BuildScsi(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    TRANSFER transfer;
    switch (DiskExecute(&Adapter->Disk, Srb, &transfer)) {
    case DiskTransfer:
#if BUG == 26
        // B26: so that a dump does not write past the disk, compares an end in units of 512 bytes with a capacity in blocks.
        if (Adapter->DumpMode && (transfer.Lba + transfer.Blocks) * (Adapter->Disk.BlockBytes / VIRTIO_SECTOR) > Adapter->Disk.BlockCount) {
            return MiniportEnd(Adapter, Srb, SRB_STATUS_INVALID_REQUEST);
        }
#endif
        if (VioComposeTransfer(Adapter, Srb, &transfer)) return TRUE;
        return MiniportEnd(Adapter, Srb, SRB_STATUS_INVALID_REQUEST);
    case DiskFlush:
        return BuildFlush(Adapter, Srb);
    default:
        return MiniportEnd(Adapter, Srb, Srb->SrbStatus);
    }
}

/** Restarts the device; its requests fail with a status that lets the port retry them. */
static BOOLEAN Reset(ADAPTER *Adapter) {
    Adapter->Ready = FALSE;
    if (!VioResetDevice(Adapter)) return FALSE;
    SCSI_REQUEST_BLOCK *failed = VioTakeOutstanding(Adapter);
    BOOLEAN isBack = VioNegotiate(Adapter) && VioStartDevice(Adapter);
    while (failed != NULL) {
        SCSI_REQUEST_BLOCK *srb = failed;
        failed = VioRequestOf(srb)->NextFailed; // a completed SRB belongs to the port
        SrbComplete(Adapter, srb, SRB_STATUS_BUS_RESET);
    }
    return isBack;
}

static BOOLEAN VioHwBuildIo(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb) {
    ADAPTER *adapter = DeviceExtension;
    if (!adapter->Ready) return MiniportEnd(adapter, Srb, SRB_STATUS_NO_DEVICE);
    switch (SrbGetFunction(Srb)) {
    case SRB_FUNCTION_EXECUTE_SCSI:
        return BuildScsi(adapter, Srb);
    case SRB_FUNCTION_FLUSH:
    case SRB_FUNCTION_SHUTDOWN:
        return BuildFlush(adapter, Srb);
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

static BOOLEAN VioHwStartIo(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb) {
    ADAPTER *adapter = DeviceExtension;
    switch (SrbGetFunction(Srb)) {
    case SRB_FUNCTION_RESET_BUS:
    case SRB_FUNCTION_RESET_DEVICE:
    case SRB_FUNCTION_RESET_LOGICAL_UNIT:
        SrbComplete(adapter, Srb, Reset(adapter) ? SRB_STATUS_SUCCESS : SRB_STATUS_ERROR);
        return TRUE;
    }
    return VioSubmit(adapter, Srb) || MiniportBusy(adapter, Srb);
}

/**
 * The ISR status says whether a line interrupt is this device's. With MSI-X, or where the driver disables interrupts, it stays 0: in a
 * dump, where the device is as the running system left it, only the used ring is read.
 */
static BOOLEAN VioHwInterrupt(void *DeviceExtension) {
    ADAPTER *adapter = DeviceExtension;
#if BUG == 10
    // B10: reads the ISR status in a dump too.
    if (adapter->Transport->ReadIsr(adapter) == 0) return FALSE;
    if (adapter->DumpMode) return VioReapQueue(adapter);
#elif BUG == 12
    // B12: acquires the lock of HwStartIo, which raises IRQL to DISPATCH_LEVEL, at the HIGH_LEVEL of a dump.
    if (adapter->DumpMode) {
        VioCompletionDpc(&adapter->CompletionDpc, adapter, NULL, NULL);
        return TRUE;
    }
    if (adapter->Transport->ReadIsr(adapter) == 0) return FALSE;
#elif BUG == 22
    if (!adapter->DumpMode && adapter->Transport->ReadIsr(adapter) == 0) return FALSE;
#else
    if (adapter->DumpMode) return VioReapQueue(adapter);
    if (adapter->Transport->ReadIsr(adapter) == 0) return FALSE;
#endif
    BOOLEAN queued;
    StorPortNotification(IssueDpc, adapter, &adapter->CompletionDpc, NULL, NULL, &queued);
    return TRUE;
}

static BOOLEAN VioHwResetBus(void *DeviceExtension, ULONG PathId) {
    ADAPTER *adapter = DeviceExtension;
    (void)PathId;
    return adapter->DumpMode ? TRUE : Reset(adapter);
}

static ULONG VioHwAdapterControl(void *DeviceExtension, ULONG ControlType, void *Parameters) {
    ADAPTER *adapter = DeviceExtension;
    switch (ControlType) {
    case ScsiQuerySupportedControlTypes:
        return MiniportListControlTypes(Parameters);
    case ScsiStopAdapter:
        adapter->Ready = FALSE;
        adapter->Transport->SetStatus(adapter, 0);
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
    data.HwInitialize = VioHwInitialize;
    data.HwStartIo = VioHwStartIo;
    data.HwInterrupt = VioHwInterrupt;
    data.HwFindAdapter = VioHwFindAdapter;
    data.HwResetBus = VioHwResetBus;
    data.HwAdapterControl = VioHwAdapterControl;
    data.HwBuildIo = VioHwBuildIo;
    return StorPortInitialize(DriverObject, RegistryPath, &data, NULL);
}

// The entry points. This driver is loaded twice: once to run the disk, and once more, as dump_dsahci.sys, to write the dump of
// a system that has stopped. Where the two instances differ, the line tests `DumpMode`; they share nothing but
// the HBA, which the second instance finds as the first one left it, and the DUMP_CONTEXT.
#include "dsahci.h"

#if BUG == 23
typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    void *RootDirectory;
    UNICODE_STRING *ObjectName;
    ULONG Attributes;
    void *SecurityDescriptor;
    void *SecurityQualityOfService;
} OBJECT_ATTRIBUTES;
IMPORT NTSTATUS ZwOpenKey(void **KeyHandle, ULONG DesiredAccess, OBJECT_ATTRIBUTES *ObjectAttributes);
IMPORT NTSTATUS ZwClose(void *Handle);

/** B23: reads the registry, which needs PASSIVE_LEVEL, in a routine that runs at HIGH_LEVEL in a dump. */
static NOINLINE void ReadSettings(void) {
    static WCHAR Path[] = L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\dsahci\\Parameters";
    UNICODE_STRING name = { sizeof(Path) - sizeof(WCHAR), sizeof(Path), Path };
    OBJECT_ATTRIBUTES attributes = { sizeof(attributes), NULL, &name, 0x240, NULL, NULL };
    void *key = NULL;
    if (ZwOpenKey(&key, 0x20019, &attributes) >= 0) ZwClose(key);
}
#endif

/** Known before StorPortInitialize is called: the dump port calls HwFindAdapter from inside it. */
static BOOLEAN LoadedForDump;

/** Finds BAR 5 (2.1.11) among the ranges that the port has assigned. */
static ACCESS_RANGE *FindRegisters(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo) {
    ULONG config[0x40 / 4];
    ULONG read = StorPortGetBusData(Adapter, PCIConfiguration, ConfigInfo->SystemIoBusNumber, ConfigInfo->SlotNumber, config,
                                    sizeof(config));
    if (read < sizeof(config)) return NULL;
    ULONG bar = config[0x24 / 4];
    for (ULONG i = 0; i < ConfigInfo->NumberOfAccessRanges; i++) {
        ACCESS_RANGE *range = &ConfigInfo->AccessRanges[i];
        if (range->RangeInMemory && range->RangeLength != 0 && range->RangeStart.QuadPart == (LONG64)(bar & ~0xFu)) return range;
    }
    return NULL;
}

/**
 * Allocates the memory that the HBA reads. In dump mode about 32 KiB are available in all, with less alignment than at run time and
 * not cleared: only what the dump needs is requested, then aligned and cleared here.
 */
static BOOLEAN AllocateShared(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo) {
    ULONG bytes = sizeof(SHARED_MEMORY);
#if BUG == 6
    // B06: memory that only the running system uses is requested for the dump too.
    bytes += HISTORY_ENTRIES * sizeof(HISTORY_ENTRY);
#else
    if (!Adapter->DumpMode) bytes += HISTORY_ENTRIES * sizeof(HISTORY_ENTRY);
#endif
    UCHAR *block = StorPortGetUncachedExtension(Adapter, ConfigInfo, bytes + SHARED_ALIGNMENT);
    if (block == NULL) return FALSE;
    Adapter->Shared = MiniportAlign(Adapter, block, SHARED_ALIGNMENT, &Adapter->SharedAddress);
    memset(Adapter->Shared, 0, bytes);
    return TRUE;
}

static ULONG AhciHwFindAdapter(void *DeviceExtension, void *HwContext, void *BusInformation, const CHAR *ArgumentString,
                               PORT_CONFIGURATION_INFORMATION *ConfigInfo, BOOLEAN *Again) {
    ADAPTER *adapter = DeviceExtension;
    (void)HwContext;
    (void)BusInformation;
    *Again = FALSE;
#if BUG == 14
    // B14: relies on the global alone, which DriverEntry has not set yet when the dump port calls this routine.
    (void)ArgumentString;
    adapter->DumpMode = LoadedForDump;
#else
    adapter->DumpMode = LoadedForDump || ArgumentsSayDump(ArgumentString) || ConfigInfo->DumpMode != DUMP_MODE_NONE;
#endif
#if BUG == 23
    ReadSettings();
#endif
    ACCESS_RANGE *range = FindRegisters(adapter, ConfigInfo);
    if (range == NULL) return SP_RETURN_NOT_FOUND;
    adapter->Hba = StorPortGetDeviceBase(adapter, ConfigInfo->AdapterInterfaceType, ConfigInfo->SystemIoBusNumber,
                                         range->RangeStart, range->RangeLength, FALSE);
    if (adapter->Hba == NULL) return SP_RETURN_ERROR;
    if (!AhciTakeHba(adapter)) return SP_RETURN_ERROR;
    // Where the disk is, the first life knows; the second has no time to search (and may be asked about no other port).
    const DUMP_CONTEXT *context = adapter->DumpMode ? ConfigInfo->MiniportDumpData : NULL;
    if (!AhciFindPort(adapter, context)) return SP_RETURN_NOT_FOUND;
    if (!AllocateShared(adapter, ConfigInfo)) return SP_RETURN_ERROR;

    ULONG breaks = adapter->DumpMode ? DUMP_BREAKS : RUNTIME_BREAKS;
    ConfigInfo->NumberOfPhysicalBreaks = breaks;
    ConfigInfo->MaximumTransferLength = (breaks - 1) * PAGE_SIZE;
    ConfigInfo->AlignmentMask = 1; // regions begin at even addresses (4.2.3.3)
    ConfigInfo->CachesData = TRUE;
    ConfigInfo->ResetTargetSupported = TRUE;
    MiniportDescribeAdapter(ConfigInfo, StorSynchronizeHalfDuplex);
    if ((adapter->Capabilities & CAP_S64A) != 0) ConfigInfo->Dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED;
    return SP_RETURN_FOUND;
}

/** The rest of the initialization, at PASSIVE_LEVEL: it may take seconds. */
static BOOLEAN AhciPassiveInitialize(void *DeviceExtension) { return AhciStartPort(DeviceExtension); }

static BOOLEAN AhciHwInitialize(void *DeviceExtension) {
    ADAPTER *adapter = DeviceExtension;
    if (adapter->DumpMode) return AhciStartPort(adapter); // nothing comes afterwards but requests
    BOOLEAN enabled = FALSE;
    StorPortNotification(EnablePassiveInitialization, adapter, AhciPassiveInitialize, &enabled);
    return enabled;
}

// ---- requests, by function

typedef BOOLEAN BUILD_ROUTINE(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb);

static BOOLEAN BuildScsi(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    TRANSFER transfer;
    switch (DiskExecute(&Adapter->Disk, Srb, &transfer)) {
    case DiskTransfer:
        if (AhciComposeTransfer(Adapter, Srb, &transfer)) return TRUE;
        return MiniportEnd(Adapter, Srb, SRB_STATUS_INVALID_REQUEST);
    case DiskFlush:
        AhciCompose(AhciCommandOf(Srb), ATA_FLUSH_CACHE_EXT);
        return TRUE;
    default:
        return MiniportEnd(Adapter, Srb, Srb->SrbStatus);
    }
}

static BOOLEAN BuildFlush(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    (void)Adapter;
    AhciCompose(AhciCommandOf(Srb), ATA_FLUSH_CACHE_EXT);
    return TRUE;
}

/** Flushes the cache too (ACS-3, 7.50), and stops the spindle of a disk that has one. */
static BOOLEAN BuildShutdown(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    (void)Adapter;
    AhciCompose(AhciCommandOf(Srb), ATA_STANDBY_IMMEDIATE);
    return TRUE;
}

static BOOLEAN BuildReset(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    if (!Adapter->DumpMode) AhciFailOutstanding(Adapter, TRUE); // nothing is reset under a dump
    return MiniportEnd(Adapter, Srb, SRB_STATUS_SUCCESS);
}

static BOOLEAN BuildNothing(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) { return MiniportEnd(Adapter, Srb, SRB_STATUS_SUCCESS); }

/** The port calls this in the running instance, on behalf of the one that will write the dump. */
static BOOLEAN BuildDumpPointers(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    static const WCHAR Name[] = L"dsahci";
    MINIPORT_DUMP_POINTERS *pointers = SrbGetDataBuffer(Srb);
    if (SrbGetDataTransferLength(Srb) < sizeof(*pointers)) return MiniportEnd(Adapter, Srb, SRB_STATUS_DATA_OVERRUN);
    memset(pointers, 0, sizeof(*pointers));
    pointers->Version = DUMP_MINIPORT_VERSION_1;
    pointers->Size = sizeof(*pointers);
    memcpy(pointers->DriverName, Name, sizeof(Name));
    Adapter->Shared->DumpContext.Signature = DUMP_CONTEXT_SIGNATURE;
    Adapter->Shared->DumpContext.Port = Adapter->Port;
    pointers->MiniportPrivateDumpData = &Adapter->Shared->DumpContext;
    pointers->NumberOfPhysicalBreaks = DUMP_BREAKS;
    pointers->MaximumTransferLength = (DUMP_BREAKS - 1) * PAGE_SIZE;
    pointers->AlignmentMask = 1;
    pointers->NumberOfBuses = 1;
    pointers->Master = TRUE;
    pointers->MapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS;
    pointers->MaximumNumberOfTargets = 1;
    return MiniportEnd(Adapter, Srb, SRB_STATUS_SUCCESS);
}

static const struct {
    ULONG Function;
    BUILD_ROUTINE *Build;
} BuildRoutines[] = {
    { SRB_FUNCTION_EXECUTE_SCSI, BuildScsi },
    { SRB_FUNCTION_FLUSH, BuildFlush },
    { SRB_FUNCTION_SHUTDOWN, BuildShutdown },
    { SRB_FUNCTION_RESET_BUS, BuildReset },
    { SRB_FUNCTION_RESET_DEVICE, BuildReset },
    { SRB_FUNCTION_RESET_LOGICAL_UNIT, BuildReset },
    { SRB_FUNCTION_POWER, BuildNothing },
    { SRB_FUNCTION_PNP, BuildNothing },
    { SRB_FUNCTION_DUMP_POINTERS, BuildDumpPointers },
    { SRB_FUNCTION_FREE_DUMP_POINTERS, BuildNothing },
};

static BOOLEAN AhciHwBuildIo(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb) {
    ADAPTER *adapter = DeviceExtension;
    ULONG function = SrbGetFunction(Srb);
    if (!adapter->Ready) return MiniportEnd(adapter, Srb, SRB_STATUS_NO_DEVICE);
    for (ULONG i = 0; i < sizeof(BuildRoutines) / sizeof(BuildRoutines[0]); i++) {
        if (BuildRoutines[i].Function == function) return BuildRoutines[i].Build(adapter, Srb);
    }
    return MiniportEnd(adapter, Srb, SRB_STATUS_INVALID_REQUEST);
}

static BOOLEAN AhciHwStartIo(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb) {
    ADAPTER *adapter = DeviceExtension;
    return AhciIssue(adapter, Srb) || MiniportBusy(adapter, Srb);
}

/**
 * At run time an interrupt leads here; in a dump the port calls this repeatedly until its SRB is complete. PxIS is set
 * whether or not interrupts are enabled; the summary in IS needs PxIE, so it is not read in a dump.
 */
static BOOLEAN AhciHwInterrupt(void *DeviceExtension) {
    ADAPTER *adapter = DeviceExtension;
    if (adapter->DumpMode) {
        if (adapter->Outstanding == 0) return FALSE;
    } else if ((StorPortReadRegisterUlong(adapter->Hba + AHCI_IS) >> adapter->Port & 1) == 0) {
        return FALSE;
    }
    ULONG status = ReadPort(adapter, PxIS);
    if (status == 0) return FALSE;
    WritePort(adapter, PxIS, status);
    StorPortWriteRegisterUlong(adapter->Hba + AHCI_IS, 1u << adapter->Port);
    if ((status & PORT_ERRORS) != 0) AhciFailOutstanding(adapter, FALSE);
    else AhciCompleteFinished(adapter);
    return TRUE;
}

static BOOLEAN AhciHwResetBus(void *DeviceExtension, ULONG PathId) {
    ADAPTER *adapter = DeviceExtension;
    (void)PathId;
    if (!adapter->DumpMode) AhciFailOutstanding(adapter, TRUE);
    return TRUE;
}

static ULONG AhciHwAdapterControl(void *DeviceExtension, ULONG ControlType, void *Parameters) {
    ADAPTER *adapter = DeviceExtension;
    switch (ControlType) {
    case ScsiQuerySupportedControlTypes:
        return MiniportListControlTypes(Parameters);
    case ScsiStopAdapter:
        adapter->Ready = FALSE;
        WritePort(adapter, PxIE, 0);
        return ScsiAdapterControlSuccess;
    case ScsiRestartAdapter:
        return AhciTakeHba(adapter) && AhciStartPort(adapter) ? ScsiAdapterControlSuccess : ScsiAdapterControlUnsuccessful;
    default:
        return ScsiAdapterControlUnsuccessful;
    }
}

ULONG DriverEntry(void *DriverObject, void *RegistryPath) {
    HW_INITIALIZATION_DATA data;
    MiniportDescribe(&data, sizeof(data), sizeof(ADAPTER), sizeof(COMMAND) + COMMAND_ALIGNMENT);
    data.HwInitialize = AhciHwInitialize;
    data.HwStartIo = AhciHwStartIo;
    data.HwInterrupt = AhciHwInterrupt;
    data.HwFindAdapter = AhciHwFindAdapter;
    data.HwResetBus = AhciHwResetBus;
    data.HwAdapterControl = AhciHwAdapterControl;
    data.HwBuildIo = AhciHwBuildIo;
    data.FeatureSupport = STOR_FEATURE_DUMP_POINTERS;
    data.SrbTypeFlags = SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK;
    data.AddressTypeFlags = ADDRESS_TYPE_FLAG_BTL8;
#if BUG == 14
    ULONG status = StorPortInitialize(DriverObject, RegistryPath, &data, NULL);
    LoadedForDump = RegistryPath == NULL;
    return status;
#else
    LoadedForDump = RegistryPath == NULL;
    return StorPortInitialize(DriverObject, RegistryPath, &data, NULL);
#endif
}

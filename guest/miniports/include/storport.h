// The part of Storport that these miniports use: structures in their x64 layouts, codes, and the port's routines.
// Names and offsets as Microsoft documents them (learn.microsoft.com/windows-hardware/drivers/ddi/storport, .../srb); the
// offsets are asserted below. Everything else is our own.
#ifndef STORPORT_H
#define STORPORT_H
#include "ntdef.h"

#define IMPORT __declspec(dllimport)
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)

typedef union _STOR_PHYSICAL_ADDRESS {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    LONG64 QuadPart;
} STOR_PHYSICAL_ADDRESS;

// ---- what DriverEntry gives to StorPortInitialize

typedef struct _PORT_CONFIGURATION_INFORMATION PORT_CONFIGURATION_INFORMATION;
typedef struct _SCSI_REQUEST_BLOCK SCSI_REQUEST_BLOCK;

typedef BOOLEAN HW_INITIALIZE(void *DeviceExtension);
typedef BOOLEAN HW_PASSIVE_INITIALIZE_ROUTINE(void *DeviceExtension);
typedef BOOLEAN HW_BUILDIO(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb);
typedef BOOLEAN HW_STARTIO(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb);
typedef BOOLEAN HW_INTERRUPT(void *DeviceExtension);
typedef ULONG HW_FIND_ADAPTER(void *DeviceExtension, void *HwContext, void *BusInformation, const CHAR *ArgumentString,
                              PORT_CONFIGURATION_INFORMATION *ConfigInfo, BOOLEAN *Again);
typedef BOOLEAN HW_RESET_BUS(void *DeviceExtension, ULONG PathId);
typedef ULONG HW_ADAPTER_CONTROL(void *DeviceExtension, ULONG ControlType, void *Parameters);

typedef struct _HW_INITIALIZATION_DATA {
    ULONG HwInitializationDataSize;
    ULONG AdapterInterfaceType;
    HW_INITIALIZE *HwInitialize;
    HW_STARTIO *HwStartIo;
    HW_INTERRUPT *HwInterrupt;
    HW_FIND_ADAPTER *HwFindAdapter;
    HW_RESET_BUS *HwResetBus;
    void *HwDmaStarted;
    void *HwAdapterState;
    ULONG DeviceExtensionSize;
    ULONG SpecificLuExtensionSize;
    ULONG SrbExtensionSize;
    ULONG NumberOfAccessRanges;
    void *Reserved;
    UCHAR MapBuffers;
    BOOLEAN NeedPhysicalAddresses;
    BOOLEAN TaggedQueuing;
    BOOLEAN AutoRequestSense;
    BOOLEAN MultipleRequestPerLu;
    BOOLEAN ReceiveEvent;
    USHORT VendorIdLength;
    void *VendorId;
    USHORT PortVersionFlags;
    USHORT DeviceIdLength;
    void *DeviceId;
    HW_ADAPTER_CONTROL *HwAdapterControl;
    HW_BUILDIO *HwBuildIo;
    // Windows 7 ends here
    void *HwFreeAdapterResources;
    void *HwProcessServiceRequest;
    void *HwCompleteServiceIrp;
    void *HwInitializeTracing;
    void *HwCleanupTracing;
    void *HwTracingEnabled;
    ULONG FeatureSupport;
    ULONG SrbTypeFlags;
    ULONG AddressTypeFlags;
    ULONG Reserved1;
    void *HwUnitControl;
} HW_INITIALIZATION_DATA;
SIZE(HW_INITIALIZATION_DATA, 0xD0);
AT(HW_INITIALIZATION_DATA, HwFindAdapter, 0x20);
AT(HW_INITIALIZATION_DATA, DeviceExtensionSize, 0x40);
AT(HW_INITIALIZATION_DATA, MapBuffers, 0x58);
AT(HW_INITIALIZATION_DATA, HwAdapterControl, 0x78);
AT(HW_INITIALIZATION_DATA, HwBuildIo, 0x80);
AT(HW_INITIALIZATION_DATA, HwFreeAdapterResources, 0x88);
AT(HW_INITIALIZATION_DATA, FeatureSupport, 0xB8);
AT(HW_INITIALIZATION_DATA, SrbTypeFlags, 0xBC);
AT(HW_INITIALIZATION_DATA, HwUnitControl, 0xC8);
/** What a miniport built for Windows 7 passes: the port must not read beyond. */
#define HW_INITIALIZATION_DATA_SIZE_WIN7 offsetof(HW_INITIALIZATION_DATA, HwFreeAdapterResources)

#define PCIBus 5
#define STOR_MAP_NON_READ_WRITE_BUFFERS 2
#define STOR_FEATURE_DUMP_POINTERS 0x8
#define SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK 0x2
#define ADDRESS_TYPE_FLAG_BTL8 0x1

// ---- what HwFindAdapter gets and answers

typedef struct _ACCESS_RANGE {
    STOR_PHYSICAL_ADDRESS RangeStart;
    ULONG RangeLength;
    BOOLEAN RangeInMemory;
} ACCESS_RANGE;
SIZE(ACCESS_RANGE, 0x10);

typedef struct _MEMORY_REGION {
    UCHAR *VirtualBase;
    STOR_PHYSICAL_ADDRESS PhysicalBase;
    ULONG Length;
} MEMORY_REGION;

struct _PORT_CONFIGURATION_INFORMATION {
    ULONG Length;
    ULONG SystemIoBusNumber;
    ULONG AdapterInterfaceType;
    ULONG BusInterruptLevel;
    ULONG BusInterruptVector;
    ULONG InterruptMode;
    ULONG MaximumTransferLength;
    ULONG NumberOfPhysicalBreaks;
    ULONG DmaChannel;
    ULONG DmaPort;
    ULONG DmaWidth;
    ULONG DmaSpeed;
    ULONG AlignmentMask;
    ULONG NumberOfAccessRanges;
    ACCESS_RANGE *AccessRanges;
    void *MiniportDumpData;
    UCHAR NumberOfBuses;
    CHAR InitiatorBusId[8];
    BOOLEAN ScatterGather;
    BOOLEAN Master;
    BOOLEAN CachesData;
    BOOLEAN AdapterScansDown;
    BOOLEAN AtdiskPrimaryClaimed;
    BOOLEAN AtdiskSecondaryClaimed;
    BOOLEAN Dma32BitAddresses;
    BOOLEAN DemandMode;
    UCHAR MapBuffers;
    BOOLEAN NeedPhysicalAddresses;
    BOOLEAN TaggedQueuing;
    BOOLEAN AutoRequestSense;
    BOOLEAN MultipleRequestPerLu;
    BOOLEAN ReceiveEvent;
    BOOLEAN RealModeInitialized;
    BOOLEAN BufferAccessScsiPortControlled;
    UCHAR MaximumNumberOfTargets;
    UCHAR SrbType;
    UCHAR AddressType;
    ULONG SlotNumber;
    ULONG BusInterruptLevel2;
    ULONG BusInterruptVector2;
    ULONG InterruptMode2;
    ULONG DmaChannel2;
    ULONG DmaPort2;
    ULONG DmaWidth2;
    ULONG DmaSpeed2;
    ULONG DeviceExtensionSize;
    ULONG SpecificLuExtensionSize;
    ULONG SrbExtensionSize;
    UCHAR Dma64BitAddresses;
    BOOLEAN ResetTargetSupported;
    UCHAR MaximumNumberOfLogicalUnits;
    BOOLEAN WmiDataProvider;
    ULONG SynchronizationModel;
    void *HwMSInterruptRoutine;
    ULONG InterruptSynchronizationMode;
    MEMORY_REGION DumpRegion;
    ULONG RequestedDumpBufferSize;
    BOOLEAN VirtualDevice;
    UCHAR DumpMode;
    ULONG ExtendedFlags1;
    ULONG MaxNumberOfIO;
    ULONG MaxIOsPerLun;
    ULONG InitialLunQueueDepth;
    ULONG BusResetHoldTime;
    ULONG FeatureSupport;
};
SIZE(PORT_CONFIGURATION_INFORMATION, 0xE0);
AT(PORT_CONFIGURATION_INFORMATION, MaximumTransferLength, 0x18);
AT(PORT_CONFIGURATION_INFORMATION, AlignmentMask, 0x30);
AT(PORT_CONFIGURATION_INFORMATION, AccessRanges, 0x38);
AT(PORT_CONFIGURATION_INFORMATION, MiniportDumpData, 0x40);
AT(PORT_CONFIGURATION_INFORMATION, NumberOfBuses, 0x48);
AT(PORT_CONFIGURATION_INFORMATION, ScatterGather, 0x51);
AT(PORT_CONFIGURATION_INFORMATION, MapBuffers, 0x59);
AT(PORT_CONFIGURATION_INFORMATION, MaximumNumberOfTargets, 0x61);
AT(PORT_CONFIGURATION_INFORMATION, SlotNumber, 0x64);
AT(PORT_CONFIGURATION_INFORMATION, SrbExtensionSize, 0x8C);
AT(PORT_CONFIGURATION_INFORMATION, Dma64BitAddresses, 0x90);
AT(PORT_CONFIGURATION_INFORMATION, SynchronizationModel, 0x94);
AT(PORT_CONFIGURATION_INFORMATION, DumpRegion, 0xA8);
AT(PORT_CONFIGURATION_INFORMATION, DumpMode, 0xC5);
AT(PORT_CONFIGURATION_INFORMATION, FeatureSupport, 0xDC);

#define SP_RETURN_NOT_FOUND 0
#define SP_RETURN_FOUND 1
#define SP_RETURN_ERROR 2
#define SCSI_DMA64_MINIPORT_SUPPORTED 0x01
/** HwStartIo and the interrupt routine exclude each other. */
#define StorSynchronizeHalfDuplex 0
/** They do not. */
#define StorSynchronizeFullDuplex 1
#define DUMP_MODE_NONE 0

// ---- HwAdapterControl

#define ScsiQuerySupportedControlTypes 0
#define ScsiStopAdapter 1
#define ScsiRestartAdapter 2
#define ScsiAdapterControlSuccess 0
#define ScsiAdapterControlUnsuccessful 1

typedef struct _SCSI_SUPPORTED_CONTROL_TYPE_LIST {
    ULONG MaxControlType;
    BOOLEAN SupportedTypeList[1];
} SCSI_SUPPORTED_CONTROL_TYPE_LIST;

// ---- requests

struct _SCSI_REQUEST_BLOCK {
    USHORT Length;
    UCHAR Function;
    UCHAR SrbStatus;
    UCHAR ScsiStatus;
    UCHAR PathId;
    UCHAR TargetId;
    UCHAR Lun;
    UCHAR QueueTag;
    UCHAR QueueAction;
    UCHAR CdbLength;
    UCHAR SenseInfoBufferLength;
    ULONG SrbFlags;
    ULONG DataTransferLength;
    ULONG TimeOutValue;
    void *DataBuffer;
    void *SenseInfoBuffer;
    SCSI_REQUEST_BLOCK *NextSrb;
    void *OriginalRequest;
    void *SrbExtension;
    ULONG QueueSortKey;
    ULONG Reserved;
    UCHAR Cdb[16];
};
SIZE(SCSI_REQUEST_BLOCK, 0x58);
AT(SCSI_REQUEST_BLOCK, SrbFlags, 0x0C);
AT(SCSI_REQUEST_BLOCK, DataBuffer, 0x18);
AT(SCSI_REQUEST_BLOCK, SrbExtension, 0x38);
AT(SCSI_REQUEST_BLOCK, Cdb, 0x48);

typedef struct _STORAGE_REQUEST_BLOCK {
    USHORT Length;
    UCHAR Function;
    UCHAR SrbStatus;
    UCHAR ReservedUchar[4];
    ULONG Signature;
    ULONG Version;
    ULONG SrbLength;
    ULONG SrbFunction;
    ULONG SrbFlags;
    ULONG ReservedUlong;
    ULONG RequestTag;
    USHORT RequestPriority;
    USHORT RequestAttribute;
    ULONG TimeOutValue;
    ULONG SystemStatus;
    ULONG ZeroGuard1;
    ULONG AddressOffset;
    ULONG NumSrbExData;
    ULONG DataTransferLength;
    void *DataBuffer;
    void *ZeroGuard2;
    void *OriginalRequest;
    void *ClassContext;
    void *PortContext;
    void *MiniportContext;
    struct _STORAGE_REQUEST_BLOCK *NextSrb;
    ULONG SrbExDataOffset[1];
} STORAGE_REQUEST_BLOCK;
AT(STORAGE_REQUEST_BLOCK, SrbFunction, 0x14);
AT(STORAGE_REQUEST_BLOCK, AddressOffset, 0x34);
AT(STORAGE_REQUEST_BLOCK, DataBuffer, 0x40);
AT(STORAGE_REQUEST_BLOCK, MiniportContext, 0x68);
AT(STORAGE_REQUEST_BLOCK, SrbExDataOffset, 0x78);

typedef struct _STOR_ADDR_BTL8 {
    USHORT Type;
    USHORT Port;
    ULONG AddressLength;
    UCHAR Path;
    UCHAR Target;
    UCHAR Lun;
    UCHAR Reserved;
} STOR_ADDR_BTL8;
AT(STOR_ADDR_BTL8, Path, 8);

typedef struct _SRBEX_DATA_SCSI_CDB16 {
    ULONG Type;
    ULONG Length;
    UCHAR ScsiStatus;
    UCHAR SenseInfoBufferLength;
    UCHAR CdbLength;
    UCHAR Reserved;
    ULONG Reserved1;
    void *SenseInfoBuffer;
    UCHAR Cdb[16];
} SRBEX_DATA_SCSI_CDB16;
SIZE(SRBEX_DATA_SCSI_CDB16, 0x28);
AT(SRBEX_DATA_SCSI_CDB16, SenseInfoBuffer, 0x10);

#define SRB_FUNCTION_STORAGE_REQUEST_BLOCK 0x28
#define SRBEX_DATA_TYPE_SCSI_CDB16 0x40
#define SRBEX_DATA_TYPE_SCSI_CDB32 0x41

#define SRB_FUNCTION_EXECUTE_SCSI 0x00
#define SRB_FUNCTION_SHUTDOWN 0x07
#define SRB_FUNCTION_FLUSH 0x08
#define SRB_FUNCTION_RESET_BUS 0x12
#define SRB_FUNCTION_RESET_DEVICE 0x13
#define SRB_FUNCTION_RESET_LOGICAL_UNIT 0x20
#define SRB_FUNCTION_POWER 0x24
#define SRB_FUNCTION_PNP 0x25
#define SRB_FUNCTION_DUMP_POINTERS 0x26
#define SRB_FUNCTION_FREE_DUMP_POINTERS 0x27

#define SRB_STATUS_SUCCESS 0x01
#define SRB_STATUS_ERROR 0x04
#define SRB_STATUS_BUSY 0x05
#define SRB_STATUS_INVALID_REQUEST 0x06
#define SRB_STATUS_NO_DEVICE 0x08
#define SRB_STATUS_BUS_RESET 0x0E
#define SRB_STATUS_DATA_OVERRUN 0x12
#define SRB_STATUS_INVALID_LUN 0x20
#define SRB_STATUS_AUTOSENSE_VALID 0x80
#define SRB_FLAGS_DISABLE_AUTOSENSE 0x00000020
#define SCSISTAT_GOOD 0x00
#define SCSISTAT_CHECK_CONDITION 0x02

typedef struct _STOR_SCATTER_GATHER_ELEMENT {
    STOR_PHYSICAL_ADDRESS PhysicalAddress;
    ULONG Length;
    ULONG64 Reserved;
} STOR_SCATTER_GATHER_ELEMENT;
SIZE(STOR_SCATTER_GATHER_ELEMENT, 0x18);

typedef struct _STOR_SCATTER_GATHER_LIST {
    ULONG NumberOfElements;
    ULONG64 Reserved;
    STOR_SCATTER_GATHER_ELEMENT List[];
} STOR_SCATTER_GATHER_LIST;
AT(STOR_SCATTER_GATHER_LIST, List, 0x10);

#define DUMP_MINIPORT_VERSION_1 0x0100
typedef struct _MINIPORT_DUMP_POINTERS {
    USHORT Version;
    USHORT Size;
    WCHAR DriverName[15];
    void *AdapterObject;
    void *MappedRegisterBase;
    ULONG CommonBufferSize;
    void *MiniportPrivateDumpData;
    ULONG SystemIoBusNumber;
    ULONG AdapterInterfaceType;
    ULONG MaximumTransferLength;
    ULONG NumberOfPhysicalBreaks;
    ULONG AlignmentMask;
    ULONG NumberOfAccessRanges;
    ACCESS_RANGE *AccessRanges;
    UCHAR NumberOfBuses;
    BOOLEAN Master;
    UCHAR MapBuffers;
    UCHAR MaximumNumberOfTargets;
} MINIPORT_DUMP_POINTERS;
SIZE(MINIPORT_DUMP_POINTERS, 0x70);
AT(MINIPORT_DUMP_POINTERS, MiniportPrivateDumpData, 0x40);
AT(MINIPORT_DUMP_POINTERS, MaximumTransferLength, 0x50);

// ---- the port's routines

typedef struct _STOR_LOCK_HANDLE {
    ULONG Lock;
    void *Context[3];
} STOR_LOCK_HANDLE;
SIZE(STOR_LOCK_HANDLE, 0x20);

/** Opaque to a miniport, which only keeps it. */
typedef struct _STOR_DPC {
    ULONG64 Opaque[9];
} STOR_DPC;
SIZE(STOR_DPC, 0x48);
typedef void HW_DPC_ROUTINE(STOR_DPC *Dpc, void *DeviceExtension, void *SystemArgument1, void *SystemArgument2);

// StorPortNotification
#define RequestComplete 0
#define EnablePassiveInitialization 0x1000
#define InitializeDpc 0x1001
#define IssueDpc 0x1002
#define AcquireSpinLock 0x1003
#define ReleaseSpinLock 0x1004
// AcquireSpinLock
#define StartIoLock 2

#define PCIConfiguration 4

IMPORT ULONG StorPortInitialize(void *DriverObject, void *RegistryPath, HW_INITIALIZATION_DATA *Data, void *HwContext);
IMPORT void StorPortNotification(ULONG NotificationType, void *DeviceExtension, ...);
IMPORT ULONG StorPortGetBusData(void *DeviceExtension, ULONG BusDataType, ULONG Bus, ULONG Slot, void *Buffer, ULONG Length);
IMPORT void *StorPortGetDeviceBase(void *DeviceExtension, ULONG BusType, ULONG Bus, STOR_PHYSICAL_ADDRESS IoAddress,
                                   ULONG NumberOfBytes, BOOLEAN InIoSpace);
IMPORT void *StorPortGetUncachedExtension(void *DeviceExtension, PORT_CONFIGURATION_INFORMATION *ConfigInfo, ULONG Bytes);
IMPORT STOR_PHYSICAL_ADDRESS StorPortGetPhysicalAddress(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb,
                                                        void *VirtualAddress, ULONG *Length);
IMPORT STOR_SCATTER_GATHER_LIST *StorPortGetScatterGatherList(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb);
IMPORT BOOLEAN StorPortSetDeviceQueueDepth(void *DeviceExtension, UCHAR Path, UCHAR Target, UCHAR Lun, ULONG Depth);
IMPORT BOOLEAN StorPortDeviceBusy(void *DeviceExtension, UCHAR Path, UCHAR Target, UCHAR Lun, ULONG RequestsToComplete);
IMPORT void StorPortStallExecution(ULONG MicroSeconds);
IMPORT void StorPortQuerySystemTime(LARGE_INTEGER *CurrentTime);

// The run time of the compiler: the kernel exports them.
IMPORT void *memset(void *Destination, int Value, ULONG64 Length);
IMPORT void *memcpy(void *Destination, const void *Source, ULONG64 Length);

// Register access is inline on x64: plain loads and stores of the register's own width.
static inline UCHAR StorPortReadRegisterUchar(const volatile void *Register) { return *(const volatile UCHAR *)Register; }
static inline USHORT StorPortReadRegisterUshort(const volatile void *Register) { return *(const volatile USHORT *)Register; }
static inline ULONG StorPortReadRegisterUlong(const volatile void *Register) { return *(const volatile ULONG *)Register; }
static inline void StorPortWriteRegisterUchar(volatile void *Register, UCHAR Value) { *(volatile UCHAR *)Register = Value; }
static inline void StorPortWriteRegisterUshort(volatile void *Register, USHORT Value) { *(volatile USHORT *)Register = Value; }
static inline void StorPortWriteRegisterUlong(volatile void *Register, ULONG Value) { *(volatile ULONG *)Register = Value; }

// Port access too: IN and OUT.
static inline UCHAR StorPortReadPortUchar(USHORT Port) {
    UCHAR value;
    __asm__ volatile("inb %w1, %b0" : "=a"(value) : "Nd"(Port));
    return value;
}
static inline USHORT StorPortReadPortUshort(USHORT Port) {
    USHORT value;
    __asm__ volatile("inw %w1, %w0" : "=a"(value) : "Nd"(Port));
    return value;
}
static inline ULONG StorPortReadPortUlong(USHORT Port) {
    ULONG value;
    __asm__ volatile("inl %w1, %k0" : "=a"(value) : "Nd"(Port));
    return value;
}
static inline void StorPortWritePortUchar(USHORT Port, UCHAR Value) {
    __asm__ volatile("outb %b0, %w1" : : "a"(Value), "Nd"(Port));
}
static inline void StorPortWritePortUshort(USHORT Port, USHORT Value) {
    __asm__ volatile("outw %w0, %w1" : : "a"(Value), "Nd"(Port));
}
static inline void StorPortWritePortUlong(USHORT Port, ULONG Value) {
    __asm__ volatile("outl %k0, %w1" : : "a"(Value), "Nd"(Port));
}

#endif

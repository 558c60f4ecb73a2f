// Driver, device and request objects; the dump stack's contexts.
// Layouts of build 19041, x64, as its public symbols give them (one ISF table of that build, and ntdiff/headers);
// fields that nothing here needs are left out as Reserved<offset>. Offsets that others rely on are asserted in layout.c.
#ifndef IO_H
#define IO_H
#include "ps.h"

struct _DRIVER_OBJECT;
struct _DEVICE_OBJECT;
struct _IRP;
typedef NTSTATUS DRIVER_INITIALIZE(struct _DRIVER_OBJECT *DriverObject, UNICODE_STRING *RegistryPath);
typedef NTSTATUS DRIVER_DISPATCH(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
typedef void DRIVER_UNLOAD(struct _DRIVER_OBJECT *DriverObject);

#define IRP_MJ_CREATE 0
#define IRP_MJ_CLOSE 2
#define IRP_MJ_DEVICE_CONTROL 14

typedef struct _MDL {
    struct _MDL *Next;
    SHORT Size;
    SHORT MdlFlags;
    USHORT AllocationProcessorNumber;
    UCHAR ReservedE[0x2];
    struct _EPROCESS *Process;
    void *MappedSystemVa;
    void *StartVa;
    ULONG ByteCount;
    ULONG ByteOffset;
} MDL;
_Static_assert(sizeof(MDL) == 0x30, "_MDL");

typedef struct _IRP {
    SHORT Type;
    USHORT Size;
    UCHAR Reserved4[0x4];
    struct _MDL *MdlAddress;
    ULONG Flags;
    UCHAR Reserved14[0xC];
    struct _LIST_ENTRY ThreadListEntry;
    struct _IO_STATUS_BLOCK IoStatus;
    CHAR RequestorMode;
    UCHAR PendingReturned;
    CHAR StackCount;
    CHAR CurrentLocation;
    UCHAR Cancel;
    UCHAR CancelIrql;
    UCHAR Reserved46[0x2];
    struct _IO_STATUS_BLOCK *UserIosb;
    struct _KEVENT *UserEvent;
    UCHAR Reserved58[0x10];
    void *CancelRoutine;
    void *UserBuffer;
    UCHAR Reserved78[0x20];
    struct _ETHREAD *Thread;
    UCHAR ReservedA0[0x18];
    struct _IO_STACK_LOCATION *CurrentStackLocation;
    UCHAR ReservedC0[0x10];
} IRP;
_Static_assert(sizeof(IRP) == 0xD0, "_IRP");

typedef struct _IO_STACK_LOCATION {
    UCHAR MajorFunction;
    UCHAR MinorFunction;
    UCHAR Flags;
    UCHAR Control;
    UCHAR Reserved4[0x4];
    // Parameters.DeviceIoControl
    ULONG OutputBufferLength;
    ULONG ReservedC;
    ULONG InputBufferLength;
    ULONG Reserved14;
    ULONG IoControlCode;
    ULONG Reserved1C;
    void *Type3InputBuffer;
    struct _DEVICE_OBJECT *DeviceObject;
    struct _FILE_OBJECT *FileObject;
    void *CompletionRoutine;
    void *Context;
} IO_STACK_LOCATION;
_Static_assert(sizeof(IO_STACK_LOCATION) == 0x48, "_IO_STACK_LOCATION");

typedef struct _DEVICE_OBJECT {
    SHORT Type;
    USHORT Size;
    LONG ReferenceCount;
    struct _DRIVER_OBJECT *DriverObject;
    struct _DEVICE_OBJECT *NextDevice;
    struct _DEVICE_OBJECT *AttachedDevice;
    struct _IRP *CurrentIrp;
    struct _IO_TIMER *Timer;
    ULONG Flags;
    ULONG Characteristics;
    struct _VPB *Vpb;
    void *DeviceExtension;
    ULONG DeviceType;
    CHAR StackSize;
    UCHAR Reserved4D[0x4B];
    ULONG AlignmentRequirement;
    UCHAR Reserved9C[0x2C];
    struct _KDPC Dpc;
    ULONG ActiveThreadCount;
    UCHAR Reserved10C[0xC];
    struct _KEVENT DeviceLock;
    USHORT SectorSize;
    UCHAR Reserved132[0x6];
    struct _DEVOBJ_EXTENSION *DeviceObjectExtension;
    UCHAR Reserved140[0x10];
} DEVICE_OBJECT;
_Static_assert(sizeof(DEVICE_OBJECT) == 0x150, "_DEVICE_OBJECT");

typedef struct _DRIVER_OBJECT {
    SHORT Type;
    SHORT Size;
    UCHAR Reserved4[0x4];
    struct _DEVICE_OBJECT *DeviceObject;
    ULONG Flags;
    UCHAR Reserved14[0x4];
    void *DriverStart;
    ULONG DriverSize;
    UCHAR Reserved24[0x4];
    void *DriverSection;
    struct _DRIVER_EXTENSION *DriverExtension;
    struct _UNICODE_STRING DriverName;
    struct _UNICODE_STRING *HardwareDatabase;
    struct _FAST_IO_DISPATCH *FastIoDispatch;
    DRIVER_INITIALIZE *DriverInit;
    void *DriverStartIo;
    DRIVER_UNLOAD *DriverUnload;
    DRIVER_DISPATCH *MajorFunction[28];
} DRIVER_OBJECT;
_Static_assert(sizeof(DRIVER_OBJECT) == 0x150, "_DRIVER_OBJECT");

typedef struct _DRIVER_EXTENSION {
    struct _DRIVER_OBJECT *DriverObject;
    void *AddDevice;
    ULONG Count;
    UCHAR Reserved14[0x4];
    struct _UNICODE_STRING ServiceKeyName;
    struct _IO_CLIENT_EXTENSION *ClientDriverExtension;
    struct _FS_FILTER_CALLBACKS *FsFilterCallbacks;
    void *KseCallbacks;
    void *DvCallbacks;
    void *VerifierContext;
} DRIVER_EXTENSION;
_Static_assert(sizeof(DRIVER_EXTENSION) == 0x50, "_DRIVER_EXTENSION");

typedef struct _DUMP_INITIALIZATION_CONTEXT {
    ULONG Length;
    UCHAR Reserved4[0x4];
    void *MemoryBlock;
    void *CommonBuffer[2];
    union _LARGE_INTEGER PhysicalAddress[2];
    void *StallRoutine;
    void *OpenRoutine;
    void *WriteRoutine;
    void *FinishRoutine;
    struct _ADAPTER_OBJECT *AdapterObject;
    void *MappedRegisterBase;
    void *PortConfiguration;
    UCHAR CrashDump;
    UCHAR MarkMemoryOnly;
    UCHAR HiberResume;
    UCHAR Reserved6B[0x1];
    ULONG MaximumTransferSize;
    ULONG CommonBufferSize;
    UCHAR Reserved74[0x4];
    void *TargetAddress;
    void *WritePendingRoutine;
    ULONG PartitionStyle;
    UCHAR Reserved8C[0x14];
    void *ReadRoutine;
    void *GetDriveTelemetryRoutine;
    ULONG LogSectionTruncateSize;
    ULONG Parameters[16];
    UCHAR ReservedF4[0x4];
    void *GetTransferSizesRoutine;
    void *DumpNotifyRoutine;
} DUMP_INITIALIZATION_CONTEXT;
_Static_assert(sizeof(DUMP_INITIALIZATION_CONTEXT) == 0x108, "_DUMP_INITIALIZATION_CONTEXT");

typedef struct _DUMP_STACK_CONTEXT {
    struct _DUMP_INITIALIZATION_CONTEXT Init;
    union _LARGE_INTEGER PartitionOffset;
    void *DumpPointers;
    UCHAR UseStorageInfo;
    UCHAR Reserved119[0x3];
    ULONG PointersLength;
    WCHAR *ModulePrefix;
    struct _LIST_ENTRY DriverList;
    struct _STRING InitMsg;
    struct _STRING ProgMsg;
    struct _STRING DoneMsg;
    void *FileObject;
    ULONG UsageType;
    UCHAR Reserved174[0x4];
} DUMP_STACK_CONTEXT;
_Static_assert(sizeof(DUMP_STACK_CONTEXT) == 0x178, "_DUMP_STACK_CONTEXT");

#endif

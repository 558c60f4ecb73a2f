// dsvioblk.sys: a Storport miniport for the virtio block device. Virtual I/O Device (VIRTIO) 1.2, sections in comments;
// "legacy" is the interface of devices before 1.0, which transitional devices have too (2.7 ... "Legacy Interface").
#ifndef DSVIOBLK_H
#define DSVIOBLK_H
#include "disk.h"
#include "miniport.h"

// Device status (2.1)
#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER 2
#define STATUS_DRIVER_OK 4
#define STATUS_FEATURES_OK 8
#define STATUS_FAILED 128

// Feature bits (5.2.3, 6)
#define VIRTIO_BLK_F_SIZE_MAX (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX (1ull << 2)
#define VIRTIO_BLK_F_RO (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE (1ull << 6)
#define VIRTIO_BLK_F_FLUSH (1ull << 9)
#define VIRTIO_BLK_F_TOPOLOGY (1ull << 10)
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_VERSION_1 (1ull << 32)

// Device configuration (5.2.4)
#define BLK_CAPACITY 0x00
#define BLK_SIZE_MAX 0x08
#define BLK_SEG_MAX 0x0C
#define BLK_BLK_SIZE 0x14
#define BLK_PHYSICAL_BLOCK_EXP 0x18

/** Capacity and sectors of requests are in these units, whatever the block size (5.2.4, 5.2.6). */
#define VIRTIO_SECTOR 512

// Requests (5.2.6)
#define VIRTIO_BLK_T_IN 0
#define VIRTIO_BLK_T_OUT 1
#define VIRTIO_BLK_T_FLUSH 4
#define VIRTIO_BLK_S_OK 0
typedef struct _REQUEST_HEADER {
    ULONG Type;
    ULONG Reserved;
    ULONG64 Sector;
} REQUEST_HEADER;
SIZE(REQUEST_HEADER, 16);

// The split virtqueue (2.7)
#define DESC_NEXT 1
#define DESC_WRITE 2 // the device writes this buffer
#define DESC_INDIRECT 4
typedef struct _DESCRIPTOR {
    ULONG64 Address;
    ULONG Length;
    USHORT Flags;
    USHORT Next;
} DESCRIPTOR;
SIZE(DESCRIPTOR, 16);
#define AVAIL_NO_INTERRUPT 1
typedef struct _AVAILABLE_RING {
    USHORT Flags;
    volatile USHORT Index;
    USHORT Ring[];
} AVAILABLE_RING;
#define USED_NO_NOTIFY 1
typedef struct _USED_RING {
    volatile USHORT Flags;
    volatile USHORT Index;
    struct {
        ULONG Id;
        ULONG Length;
    } Ring[];
} USED_RING;
AT(USED_RING, Ring, 4);

#define PAGE_SIZE 0x1000
/** Data segments of one request; a device may allow fewer. */
#define RUNTIME_SEGMENTS 33
#define DUMP_SEGMENTS 17
/** Entries that a dump needs: header, data, status, and the next power of two. A legacy device accepts only its own queue size. */
#define DUMP_QUEUE_SIZE 32
#define MAX_QUEUE_SIZE 1024

/** The SRB extension: what the device reads and writes besides the data. */
typedef struct _REQUEST {
    REQUEST_HEADER Header;
    DESCRIPTOR Table[RUNTIME_SEGMENTS + 2];
    ULONG Descriptors;
    volatile UCHAR Status;
    /** Links the requests that a reset fails. */
    SCSI_REQUEST_BLOCK *NextFailed;
} REQUEST;
#define REQUEST_ALIGNMENT 16

/** The state that changes with every request. It follows the rings in the uncached extension, which is not zeroed. */
typedef struct _QUEUE_STATE {
    USHORT FreeHead;
    USHORT FreeCount;
    USHORT LastUsed;
    /** The SRB of each chain, by its first descriptor. */
    SCSI_REQUEST_BLOCK *Srb[];
} QUEUE_STATE;

typedef struct _QUEUE {
    DESCRIPTOR *Descriptors;
    AVAILABLE_RING *Available;
    USED_RING *Used;
    QUEUE_STATE *State;
    ULONG64 DescriptorAddress;
    ULONG64 AvailableAddress;
    ULONG64 UsedAddress;
    ULONG Size;
    /** Bytes of the rings and the state. */
    ULONG Bytes;
} QUEUE;

typedef struct _ADAPTER ADAPTER;

/** The operations that differ between the two interfaces of a device on the PCI bus (4.1). */
typedef struct _TRANSPORT {
    UCHAR (*GetStatus)(ADAPTER *Adapter);
    void (*SetStatus)(ADAPTER *Adapter, UCHAR Status);
    ULONG64 (*GetFeatures)(ADAPTER *Adapter);
    void (*SetFeatures)(ADAPTER *Adapter, ULONG64 Features);
    /** Selects the request queue; returns the entries that the device offers, 0 if it has no queue. */
    USHORT (*SelectQueue)(ADAPTER *Adapter);
    /** Returns FALSE if the device did not accept the addresses. */
    BOOLEAN (*EnableQueue)(ADAPTER *Adapter);
    void (*Notify)(ADAPTER *Adapter);
    /** Reading the status acknowledges the interrupt. */
    UCHAR (*ReadIsr)(ADAPTER *Adapter);
    ULONG (*ReadConfig)(ADAPTER *Adapter, ULONG Offset);
    /** The boundary on which the used ring begins, after the available ring. */
    ULONG UsedAlignment;
    ULONG RingAlignment;
    BOOLEAN QueueSizeIsFixed;
} TRANSPORT;

/** The device extension. Storport zeroes it for both instances, and this driver relies on that. */
struct _ADAPTER {
    const TRANSPORT *Transport;
    volatile UCHAR *Common;
    volatile UCHAR *NotifyArea;
    volatile UCHAR *Isr;
    volatile UCHAR *DeviceConfig;
    volatile UCHAR *NotifyRegister;
    ULONG NotifyMultiplier;
    USHORT IoBase;
    USHORT IoConfigOffset;
    ULONG64 Features;
    QUEUE Queue;
    ULONG MaxSegments;
    ULONG MaxSegmentBytes;
    BOOLEAN DumpMode;
    BOOLEAN Ready;
    DISK Disk;
    STOR_DPC CompletionDpc;
};

// pci.c
BOOLEAN VioFindDevice(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo);
extern const TRANSPORT ModernTransport; // modern.c
extern const TRANSPORT LegacyTransport; // legacy.c

// device.c
BOOLEAN VioResetDevice(ADAPTER *Adapter);
BOOLEAN VioNegotiate(ADAPTER *Adapter);
BOOLEAN VioStartDevice(ADAPTER *Adapter);

// queue.c
BOOLEAN VioAllocateQueue(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo);
void VioResetQueue(ADAPTER *Adapter);
BOOLEAN VioSubmit(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb);
BOOLEAN VioReapQueue(ADAPTER *Adapter);
SCSI_REQUEST_BLOCK *VioTakeOutstanding(ADAPTER *Adapter);

// request.c
REQUEST *VioRequestOf(SCSI_REQUEST_BLOCK *Srb);
void VioComposeFlush(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb);
BOOLEAN VioComposeTransfer(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb, const TRANSFER *Transfer);

#endif

// Bringing the device up (3.1.1): reset, features, queue, DRIVER_OK; and reading the properties of the disk from its configuration (5.2.4).
#include "dsvioblk.h"

#define RESET_MS 1000

/**
 * Writing 0 resets everything: queues, addresses, requests of an earlier instance of the driver. The device may need a moment; the
 * reset is complete when the register reads as 0 (4.1.4.3.2).
 */
BOOLEAN VioResetDevice(ADAPTER *Adapter) {
    const TRANSPORT *transport = Adapter->Transport;
    transport->SetStatus(Adapter, 0);
    for (ULONG ms = 0; transport->GetStatus(Adapter) != 0; ms++) {
        if (ms == RESET_MS) return FALSE;
        StorPortStallExecution(1000);
    }
    transport->SetStatus(Adapter, STATUS_ACKNOWLEDGE);
    transport->SetStatus(Adapter, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    return TRUE;
}

static void ReadDisk(ADAPTER *Adapter) {
    const TRANSPORT *transport = Adapter->Transport;
    DISK *disk = &Adapter->Disk;
    ULONG64 sectors = transport->ReadConfig(Adapter, BLK_CAPACITY) | (ULONG64)transport->ReadConfig(Adapter, BLK_CAPACITY + 4) << 32;
    disk->BlockBytes = VIRTIO_SECTOR;
    if ((Adapter->Features & VIRTIO_BLK_F_BLK_SIZE) != 0) disk->BlockBytes = transport->ReadConfig(Adapter, BLK_BLK_SIZE);
    if (disk->BlockBytes < VIRTIO_SECTOR) disk->BlockBytes = VIRTIO_SECTOR;
    disk->BlockCount = sectors / (disk->BlockBytes / VIRTIO_SECTOR);
    if ((Adapter->Features & VIRTIO_BLK_F_TOPOLOGY) != 0) {
        disk->PhysicalBlockExponent = transport->ReadConfig(Adapter, BLK_PHYSICAL_BLOCK_EXP) & 0xF;
    }
    disk->ReadOnly = (Adapter->Features & VIRTIO_BLK_F_RO) != 0;
    disk->WriteCache = (Adapter->Features & VIRTIO_BLK_F_FLUSH) != 0;
    disk->CommandQueuing = !Adapter->DumpMode;
    DiskSetText(disk->VendorId, sizeof(disk->VendorId), "VirtIO", 6);
    DiskSetText(disk->ProductId, sizeof(disk->ProductId), "Block Device", 12);
    DiskSetText(disk->Revision, sizeof(disk->Revision), "1.0", 3);
    DiskSetText(disk->SerialNumber, sizeof(disk->SerialNumber), "", 0);
}

/** One number of segments for both instances would be simpler, but a dump has fewer pages to describe and less memory for it. */
static void ReadLimits(ADAPTER *Adapter) {
    const TRANSPORT *transport = Adapter->Transport;
    Adapter->MaxSegments = Adapter->DumpMode ? DUMP_SEGMENTS : RUNTIME_SEGMENTS;
    if ((Adapter->Features & VIRTIO_BLK_F_SEG_MAX) != 0) {
        ULONG device = transport->ReadConfig(Adapter, BLK_SEG_MAX);
        if (device < Adapter->MaxSegments) Adapter->MaxSegments = device;
    }
    Adapter->MaxSegmentBytes = ~0u;
    if ((Adapter->Features & VIRTIO_BLK_F_SIZE_MAX) != 0) Adapter->MaxSegmentBytes = transport->ReadConfig(Adapter, BLK_SIZE_MAX);
}

BOOLEAN VioNegotiate(ADAPTER *Adapter) {
    const TRANSPORT *transport = Adapter->Transport;
    ULONG64 wanted = VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE |
                     VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY;
    // One request at a time needs no table of its own.
    if (!Adapter->DumpMode) wanted |= VIRTIO_F_INDIRECT_DESC;
    BOOLEAN modern = transport == &ModernTransport;
    if (modern) wanted |= VIRTIO_F_VERSION_1;
    Adapter->Features = transport->GetFeatures(Adapter) & wanted;
    if (modern && (Adapter->Features & VIRTIO_F_VERSION_1) == 0) return FALSE;
    transport->SetFeatures(Adapter, Adapter->Features);
    if (modern) {
        transport->SetStatus(Adapter, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
        if ((transport->GetStatus(Adapter) & STATUS_FEATURES_OK) == 0) return FALSE;
    }
    ReadDisk(Adapter);
    ReadLimits(Adapter);
    // A page is the smallest piece that a transfer is made of here.
    return Adapter->Disk.BlockCount != 0 && Adapter->Disk.BlockBytes <= PAGE_SIZE && Adapter->MaxSegments >= 2 &&
           Adapter->MaxSegmentBytes >= PAGE_SIZE;
}

BOOLEAN VioStartDevice(ADAPTER *Adapter) {
    const TRANSPORT *transport = Adapter->Transport;
    VioResetQueue(Adapter);
    if (!transport->EnableQueue(Adapter)) {
        transport->SetStatus(Adapter, STATUS_FAILED);
        return FALSE;
    }
    transport->SetStatus(Adapter, transport->GetStatus(Adapter) | STATUS_DRIVER_OK);
    Adapter->Ready = TRUE;
    return TRUE;
}

// The I/O ports of a legacy or transitional device (4.1.4.10): 32 feature bits, one address per queue, in pages, and a queue
// size that only the device chooses. The address register has 32 bits: a shorter write keeps the rest of the old address.
#include "dsvioblk.h"

#define LEGACY_DEVICE_FEATURES 0x00
#define LEGACY_DRIVER_FEATURES 0x04
#define LEGACY_QUEUE_ADDRESS 0x08
#define LEGACY_QUEUE_SIZE 0x0C
#define LEGACY_QUEUE_SELECT 0x0E
#define LEGACY_QUEUE_NOTIFY 0x10
#define LEGACY_DEVICE_STATUS 0x12
#define LEGACY_ISR 0x13

static UCHAR GetStatus(ADAPTER *Adapter) { return StorPortReadPortUchar(Adapter->IoBase + LEGACY_DEVICE_STATUS); }

static void SetStatus(ADAPTER *Adapter, UCHAR Status) {
    StorPortWritePortUchar(Adapter->IoBase + LEGACY_DEVICE_STATUS, Status);
}

static ULONG64 GetFeatures(ADAPTER *Adapter) { return StorPortReadPortUlong(Adapter->IoBase + LEGACY_DEVICE_FEATURES); }

static void SetFeatures(ADAPTER *Adapter, ULONG64 Features) {
    StorPortWritePortUlong(Adapter->IoBase + LEGACY_DRIVER_FEATURES, (ULONG)Features);
}

static USHORT SelectQueue(ADAPTER *Adapter) {
    StorPortWritePortUshort(Adapter->IoBase + LEGACY_QUEUE_SELECT, 0);
    return StorPortReadPortUshort(Adapter->IoBase + LEGACY_QUEUE_SIZE);
}

static BOOLEAN EnableQueue(ADAPTER *Adapter) {
    ULONG page = (ULONG)(Adapter->Queue.DescriptorAddress / PAGE_SIZE);
    StorPortWritePortUshort(Adapter->IoBase + LEGACY_QUEUE_SELECT, 0);
    StorPortWritePortUlong(Adapter->IoBase + LEGACY_QUEUE_ADDRESS, page);
    return StorPortReadPortUlong(Adapter->IoBase + LEGACY_QUEUE_ADDRESS) == page;
}

static void Notify(ADAPTER *Adapter) { StorPortWritePortUshort(Adapter->IoBase + LEGACY_QUEUE_NOTIFY, 0); }

static UCHAR ReadIsr(ADAPTER *Adapter) { return StorPortReadPortUchar(Adapter->IoBase + LEGACY_ISR); }

static ULONG ReadConfig(ADAPTER *Adapter, ULONG Offset) {
    return StorPortReadPortUlong((USHORT)(Adapter->IoBase + Adapter->IoConfigOffset + Offset));
}

const TRANSPORT LegacyTransport = {
    .GetStatus = GetStatus,
    .SetStatus = SetStatus,
    .GetFeatures = GetFeatures,
    .SetFeatures = SetFeatures,
    .SelectQueue = SelectQueue,
    .EnableQueue = EnableQueue,
    .Notify = Notify,
    .ReadIsr = ReadIsr,
    .ReadConfig = ReadConfig,
    .UsedAlignment = PAGE_SIZE,
    .RingAlignment = PAGE_SIZE,
    .QueueSizeIsFixed = TRUE,
};

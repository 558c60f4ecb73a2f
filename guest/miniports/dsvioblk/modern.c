// The registers of VIRTIO 1.0 and later (4.1.4.3 to 4.1.4.6): each is read and written in its own width, 64-bit ones as two
// halves (4.1.3.1).
#include "dsvioblk.h"

#define COMMON_DEVICE_FEATURE_SELECT 0x00
#define COMMON_DEVICE_FEATURE 0x04
#define COMMON_DRIVER_FEATURE_SELECT 0x08
#define COMMON_DRIVER_FEATURE 0x0C
#define COMMON_DEVICE_STATUS 0x14
#define COMMON_QUEUE_SELECT 0x16
#define COMMON_QUEUE_SIZE 0x18
#define COMMON_QUEUE_ENABLE 0x1C
#define COMMON_QUEUE_NOTIFY_OFF 0x1E
#define COMMON_QUEUE_DESC 0x20
#define COMMON_QUEUE_DRIVER 0x28
#define COMMON_QUEUE_DEVICE 0x30

static UCHAR GetStatus(ADAPTER *Adapter) { return StorPortReadRegisterUchar(Adapter->Common + COMMON_DEVICE_STATUS); }

static void SetStatus(ADAPTER *Adapter, UCHAR Status) {
    StorPortWriteRegisterUchar(Adapter->Common + COMMON_DEVICE_STATUS, Status);
}

static ULONG64 GetFeatures(ADAPTER *Adapter) {
    StorPortWriteRegisterUlong(Adapter->Common + COMMON_DEVICE_FEATURE_SELECT, 0);
    ULONG low = StorPortReadRegisterUlong(Adapter->Common + COMMON_DEVICE_FEATURE);
    StorPortWriteRegisterUlong(Adapter->Common + COMMON_DEVICE_FEATURE_SELECT, 1);
    return low | (ULONG64)StorPortReadRegisterUlong(Adapter->Common + COMMON_DEVICE_FEATURE) << 32;
}

static void SetFeatures(ADAPTER *Adapter, ULONG64 Features) {
    StorPortWriteRegisterUlong(Adapter->Common + COMMON_DRIVER_FEATURE_SELECT, 0);
    StorPortWriteRegisterUlong(Adapter->Common + COMMON_DRIVER_FEATURE, (ULONG)Features);
    StorPortWriteRegisterUlong(Adapter->Common + COMMON_DRIVER_FEATURE_SELECT, 1);
    StorPortWriteRegisterUlong(Adapter->Common + COMMON_DRIVER_FEATURE, (ULONG)(Features >> 32));
}

static USHORT SelectQueue(ADAPTER *Adapter) {
    StorPortWriteRegisterUshort(Adapter->Common + COMMON_QUEUE_SELECT, 0);
    return StorPortReadRegisterUshort(Adapter->Common + COMMON_QUEUE_SIZE);
}

static void WriteAddress(ADAPTER *Adapter, ULONG Register, ULONG64 Address) {
    StorPortWriteRegisterUlong(Adapter->Common + Register, (ULONG)Address);
    StorPortWriteRegisterUlong(Adapter->Common + Register + 4, (ULONG)(Address >> 32));
}

static BOOLEAN EnableQueue(ADAPTER *Adapter) {
    QUEUE *queue = &Adapter->Queue;
    StorPortWriteRegisterUshort(Adapter->Common + COMMON_QUEUE_SELECT, 0);
    StorPortWriteRegisterUshort(Adapter->Common + COMMON_QUEUE_SIZE, (USHORT)queue->Size);
    WriteAddress(Adapter, COMMON_QUEUE_DESC, queue->DescriptorAddress);
    WriteAddress(Adapter, COMMON_QUEUE_DRIVER, queue->AvailableAddress);
    WriteAddress(Adapter, COMMON_QUEUE_DEVICE, queue->UsedAddress);
    ULONG offset = StorPortReadRegisterUshort(Adapter->Common + COMMON_QUEUE_NOTIFY_OFF);
    Adapter->NotifyRegister = Adapter->NotifyArea + offset * Adapter->NotifyMultiplier;
    StorPortWriteRegisterUshort(Adapter->Common + COMMON_QUEUE_ENABLE, 1);
    return StorPortReadRegisterUshort(Adapter->Common + COMMON_QUEUE_ENABLE) == 1;
}

static void Notify(ADAPTER *Adapter) { StorPortWriteRegisterUshort(Adapter->NotifyRegister, 0); }

static UCHAR ReadIsr(ADAPTER *Adapter) { return StorPortReadRegisterUchar(Adapter->Isr); }

static ULONG ReadConfig(ADAPTER *Adapter, ULONG Offset) {
    return StorPortReadRegisterUlong(Adapter->DeviceConfig + Offset);
}

const TRANSPORT ModernTransport = {
    .GetStatus = GetStatus,
    .SetStatus = SetStatus,
    .GetFeatures = GetFeatures,
    .SetFeatures = SetFeatures,
    .SelectQueue = SelectQueue,
    .EnableQueue = EnableQueue,
    .Notify = Notify,
    .ReadIsr = ReadIsr,
    .ReadConfig = ReadConfig,
    .UsedAlignment = 4,
    .RingAlignment = 16,
    .QueueSizeIsFixed = FALSE,
};

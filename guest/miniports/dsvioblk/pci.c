// Finds the registers of the device: the structures of a modern one through its capabilities (4.1.4), the I/O ports of a
// legacy one through BAR 0 (4.1.4.10). The modern interface is tried first, as a transitional device has both.
#include "dsvioblk.h"

#define CONFIG_BYTES 256
#define CONFIG_ID 0x00
#define CONFIG_STATUS 0x06
#define CONFIG_STATUS_CAPABILITIES 0x10
#define CONFIG_BAR(n) (0x10 + (n) * 4)
#define CONFIG_CAPABILITIES 0x34
#define CAPABILITY_VENDOR 0x09
#define CAPABILITY_MSIX 0x11
#define MSIX_ENABLE 0x8000

#define VIRTIO_VENDOR 0x1AF4
#define VIRTIO_BLK_TRANSITIONAL 0x1001
#define VIRTIO_BLK_MODERN 0x1042

// virtio_pci_cap.cfg_type (4.1.4)
#define CFG_COMMON 1
#define CFG_NOTIFY 2
#define CFG_ISR 3
#define CFG_DEVICE 4
typedef struct _VIRTIO_CAPABILITY {
    UCHAR Id, Next, Length, Type, Bar, StructureId, Padding[2];
    ULONG Offset;
    ULONG StructureLength;
    ULONG NotifyMultiplier; // from the CFG_NOTIFY capability
} VIRTIO_CAPABILITY;
SIZE(VIRTIO_CAPABILITY, 20);

/** With MSI-X enabled, two more registers precede those of the device (4.1.4.10). */
#define LEGACY_CONFIG 0x14
#define LEGACY_CONFIG_MSIX 0x18

/** Returns where a BAR is mapped; for I/O space its first port. NULL if the port has assigned no such range. */
static void *MapBar(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo, const UCHAR *Config, ULONG Bar) {
    if (Bar > 5) return NULL;
    ULONG low = *(const ULONG *)(Config + CONFIG_BAR(Bar));
    BOOLEAN isIo = (low & 1) != 0;
    LONG64 start = low & (isIo ? ~3u : ~0xFu);
    if (!isIo && (low & 6) == 4 && Bar < 5) start |= (LONG64)*(const ULONG *)(Config + CONFIG_BAR(Bar + 1)) << 32;
    for (ULONG i = 0; i < ConfigInfo->NumberOfAccessRanges; i++) {
        ACCESS_RANGE *range = &ConfigInfo->AccessRanges[i];
        if (range->RangeLength == 0 || range->RangeStart.QuadPart != start || range->RangeInMemory == isIo) continue;
        return StorPortGetDeviceBase(Adapter, ConfigInfo->AdapterInterfaceType, ConfigInfo->SystemIoBusNumber,
                                     range->RangeStart, range->RangeLength, isIo);
    }
    return NULL;
}

/** Walks the capabilities and maps each structure: most devices have all of them in one BAR. */
static BOOLEAN FindModern(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo, const UCHAR *Config) {
    UCHAR *bases[6] = { NULL, NULL, NULL, NULL, NULL, NULL };
    ULONG at = (*(const USHORT *)(Config + CONFIG_STATUS) & CONFIG_STATUS_CAPABILITIES) != 0 ? Config[CONFIG_CAPABILITIES] : 0;
    for (ULONG guard = 0; at >= 0x40 && at <= CONFIG_BYTES - sizeof(VIRTIO_CAPABILITY) && guard < 48; guard++) {
        const VIRTIO_CAPABILITY *capability = (const VIRTIO_CAPABILITY *)(Config + at);
        at = capability->Next & ~3u;
        if (capability->Id == CAPABILITY_MSIX && ((const USHORT *)capability)[1] & MSIX_ENABLE) {
            Adapter->IoConfigOffset = LEGACY_CONFIG_MSIX;
        }
        if (capability->Id != CAPABILITY_VENDOR || capability->Bar > 5 || capability->Type < CFG_COMMON ||
            capability->Type > CFG_DEVICE) {
            continue;
        }
        if (bases[capability->Bar] == NULL) bases[capability->Bar] = MapBar(Adapter, ConfigInfo, Config, capability->Bar);
        if (bases[capability->Bar] == NULL) continue;
        volatile UCHAR *structure = bases[capability->Bar] + capability->Offset;
        // The device prefers the first capability of a type.
        if (capability->Type == CFG_COMMON && Adapter->Common == NULL) Adapter->Common = structure;
        if (capability->Type == CFG_ISR && Adapter->Isr == NULL) Adapter->Isr = structure;
        if (capability->Type == CFG_DEVICE && Adapter->DeviceConfig == NULL) Adapter->DeviceConfig = structure;
        if (capability->Type == CFG_NOTIFY && Adapter->NotifyArea == NULL) {
            Adapter->NotifyArea = structure;
            Adapter->NotifyMultiplier = capability->NotifyMultiplier;
        }
    }
    return Adapter->Common != NULL && Adapter->NotifyArea != NULL && Adapter->Isr != NULL && Adapter->DeviceConfig != NULL;
}

BOOLEAN VioFindDevice(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo) {
    UCHAR config[CONFIG_BYTES] __attribute__((aligned(4)));
    ULONG read = StorPortGetBusData(Adapter, PCIConfiguration, ConfigInfo->SystemIoBusNumber, ConfigInfo->SlotNumber, config,
                                    sizeof(config));
    ULONG id = *(const ULONG *)(config + CONFIG_ID);
    if (read < sizeof(config) || (id & 0xFFFF) != VIRTIO_VENDOR) return FALSE;
    if (id >> 16 != VIRTIO_BLK_TRANSITIONAL && id >> 16 != VIRTIO_BLK_MODERN) return FALSE;
    Adapter->IoConfigOffset = LEGACY_CONFIG;
    BOOLEAN isModern = FindModern(Adapter, ConfigInfo, config);
#ifdef LEGACY_ONLY // a build for devices without the modern registers
    isModern = FALSE;
#endif
    if (isModern) {
        Adapter->Transport = &ModernTransport;
        return TRUE;
    }
    void *base = (*(const ULONG *)(config + CONFIG_BAR(0)) & 1) != 0 ? MapBar(Adapter, ConfigInfo, config, 0) : NULL;
    if (id >> 16 != VIRTIO_BLK_TRANSITIONAL || base == NULL) return FALSE;
    Adapter->IoBase = (USHORT)(ULONG64)base;
    Adapter->Transport = &LegacyTransport;
    return TRUE;
}

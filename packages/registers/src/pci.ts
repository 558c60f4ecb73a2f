// PCI configuration space and its access mechanism: PCI Local Bus Specification 3.0, sections 3.2.2.3 and 6.

// Configuration mechanism #1 (section 3.2.2.3.2): I/O ports
export const CONFIG_ADDRESS = 0xcf8
export const CONFIG_DATA = 0xcfc
export const CONFIG_ADDRESS_ENABLE = 0x80000000

// Type 00h header (section 6.1, figure 6-1): byte offsets
export const PCI_VENDOR_ID = 0x00
export const PCI_DEVICE_ID = 0x02
export const PCI_COMMAND = 0x04
export const PCI_STATUS = 0x06
export const PCI_REVISION_ID = 0x08
export const PCI_CLASS_CODE = 0x09
export const PCI_BASE_ADDRESS_0 = 0x10
export const PCI_SUBSYSTEM_VENDOR_ID = 0x2c
export const PCI_SUBSYSTEM_ID = 0x2e
export const PCI_CAPABILITIES_POINTER = 0x34
export const PCI_INTERRUPT_LINE = 0x3c
export const PCI_INTERRUPT_PIN = 0x3d
export const PCI_CONFIG_BYTES = 256

// Command register (section 6.2.2, table 6-1)
export const PCI_COMMAND_IO_SPACE = 1 << 0
export const PCI_COMMAND_MEMORY_SPACE = 1 << 1
export const PCI_COMMAND_BUS_MASTER = 1 << 2
export const PCI_COMMAND_INTERRUPT_DISABLE = 1 << 10

// Status register (section 6.2.3, table 6-2)
export const PCI_STATUS_INTERRUPT = 1 << 3
export const PCI_STATUS_CAPABILITIES_LIST = 1 << 4

// Base address registers (section 6.2.5.1)
export const PCI_BASE_ADDRESS_MEMORY_MASK = 0xfffffff0
export const PCI_BASE_ADDRESS_IO_MASK = 0xfffffffc
export const PCI_BASE_ADDRESS_IO = 1 << 0
/** Bits 2:1 of a memory register: 64 bits wide, the next register holds the upper half. */
export const PCI_BASE_ADDRESS_64 = 2 << 1
export const PCI_BASE_ADDRESS_PREFETCHABLE = 1 << 3
export const PCI_BASE_ADDRESS_COUNT = 6

/** What a read returns where no device answers (section 6.1: master abort reads as all ones). */
export const PCI_NO_DEVICE = 0xffffffff

// Capabilities list (section 6.7, ids in appendix H)
export const PCI_CAPABILITY_ID_PM = 0x01
export const PCI_CAPABILITY_ID_VENDOR_SPECIFIC = 0x09
/** MSI with a 64-bit address (section 6.8.1): message control, address, data. */
export const PCI_CAPABILITY_ID_MSI = 0x05
export const PCI_MSI_CONTROL = 0x02
export const PCI_MSI_ADDRESS = 0x04
export const PCI_MSI_ADDRESS_HIGH = 0x08
export const PCI_MSI_DATA = 0x0c
export const PCI_MSI_CONTROL_ENABLE = 0x0001
export const PCI_MSI_CONTROL_64BIT = 0x0080
/** MSI-X (section 6.8.2): message control, then where table and pending bits are. */
export const PCI_CAPABILITY_ID_MSIX = 0x11
export const PCI_MSIX_CONTROL = 0x02
export const PCI_MSIX_TABLE = 0x04
export const PCI_MSIX_PBA = 0x08
/** Number of vectors, less one. */
export const PCI_MSIX_CONTROL_TABLE_SIZE = 0x07ff
/** In a dword that gives a location: the base address register; the rest is the offset. */
export const PCI_MSIX_BIR = 0x7
/** A table entry: address, upper half, data, control. */
export const PCI_MSIX_ENTRY_BYTES = 16
export const PCI_MSIX_ENTRY_DATA = 0x08
export const PCI_MSIX_ENTRY_CONTROL = 0x0c
export const PCI_MSIX_ENTRY_MASKED = 1
export const PCI_MSIX_CONTROL_MASK_ALL = 0x4000
export const PCI_MSIX_CONTROL_ENABLE = 0x8000

// Power management capability (PCI Power Management Interface 1.2, section 3.2)
export const PCI_PM_PMCSR = 0x04
export const PCI_PM_PMCSR_POWER_STATE = 0x03
export const PCI_PM_D3HOT = 3

// Class code of an AHCI HBA (AHCI 1.3.1 section 2.1.5): mass storage, SATA, AHCI
export const PCI_CLASS_AHCI = 0x010601
// Class code that QEMU's virtio-blk-pci has: mass storage, SCSI, no interface (PCI Code and ID Assignment 1.11, section 1.2)
export const PCI_CLASS_SCSI = 0x010000

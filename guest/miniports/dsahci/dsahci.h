// dsahci.sys: a Storport miniport for AHCI controllers. Serial ATA AHCI 1.3.1 (sections in comments), ATA commands of ACS-3.
#ifndef DSAHCI_H
#define DSAHCI_H
#include "disk.h"
#include "miniport.h"

// Generic host control (3.1)
#define AHCI_CAP 0x00
#define AHCI_GHC 0x04
#define AHCI_IS 0x08
#define AHCI_PI 0x0C
#define AHCI_PORT(n) (0x100 + (n) * 0x80)
#define CAP_NCS(cap) (((cap) >> 8 & 0x1F) + 1)
#define CAP_SCLO (1u << 24)
#define CAP_SNCQ (1u << 30)
#define CAP_S64A (1u << 31)
#define GHC_HR (1u << 0)
#define GHC_IE (1u << 1)
#define GHC_AE (1u << 31)

// Port registers (3.3)
#define PxCLB 0x00
#define PxCLBU 0x04
#define PxFB 0x08
#define PxFBU 0x0C
#define PxIS 0x10
#define PxIE 0x14
#define PxCMD 0x18
#define PxTFD 0x20
#define PxSSTS 0x28
#define PxSCTL 0x2C
#define PxSERR 0x30
#define PxSACT 0x34
#define PxCI 0x38
#define PxCMD_ST (1u << 0)
#define PxCMD_SUD (1u << 1)
#define PxCMD_POD (1u << 2)
#define PxCMD_CLO (1u << 3)
#define PxCMD_FRE (1u << 4)
#define PxCMD_FR (1u << 14)
#define PxCMD_CR (1u << 15)
#define PxIS_DHRS (1u << 0)
#define PxIS_PSS (1u << 1)
#define PxIS_SDBS (1u << 3)
#define PxIS_OFS (1u << 24)
#define PxIS_IFS (1u << 27)
#define PxIS_HBDS (1u << 28)
#define PxIS_HBFS (1u << 29)
#define PxIS_TFES (1u << 30)
#define PORT_ERRORS (PxIS_TFES | PxIS_HBFS | PxIS_HBDS | PxIS_IFS | PxIS_OFS)
#define PORT_INTERRUPTS (PxIS_DHRS | PxIS_PSS | PxIS_SDBS | PORT_ERRORS)
#define TFD_BSY (1u << 7)
#define TFD_DRQ (1u << 3)
#define SSTS_DET(ssts) ((ssts) & 0xF)
#define DET_ESTABLISHED 3
#define DET_COMRESET 1

// ATA commands (ACS-3, section 7)
#define ATA_READ_DMA_EXT 0x25
#define ATA_WRITE_DMA_EXT 0x35
#define ATA_READ_FPDMA_QUEUED 0x60
#define ATA_WRITE_FPDMA_QUEUED 0x61
#define ATA_STANDBY_IMMEDIATE 0xE0
#define ATA_FLUSH_CACHE_EXT 0xEA
#define ATA_IDENTIFY_DEVICE 0xEC

#define PAGE_SIZE 0x1000
#define SLOTS 32
/** Physical breaks: pages of the longest transfer, and one more for a buffer that begins inside a page. */
#define RUNTIME_BREAKS 33
#define DUMP_BREAKS 17

/** An entry of the command list (4.2.2). */
typedef struct _COMMAND_HEADER {
    ULONG Flags; // FIS length in dwords, write bit, number of PRDT entries << 16
    ULONG BytesTransferred;
    ULONG TableLow;
    ULONG TableHigh;
    ULONG Reserved[4];
} COMMAND_HEADER;
SIZE(COMMAND_HEADER, 0x20);
#define HEADER_WRITE (1u << 6)

/** An entry of the PRDT (4.2.3.3). */
typedef struct _PRDT_ENTRY {
    ULONG AddressLow;
    ULONG AddressHigh;
    ULONG Reserved;
    ULONG ByteCountMinusOne;
} PRDT_ENTRY;
SIZE(PRDT_ENTRY, 0x10);

/** Register FIS, host to device (Serial ATA 3.0, 10.3.4). */
typedef struct _REGISTER_FIS {
    UCHAR Type, Flags, Command, Features;
    UCHAR Lba0, Lba1, Lba2, Device;
    UCHAR Lba3, Lba4, Lba5, FeaturesExp;
    UCHAR Count, CountExp, Icc, Control;
    UCHAR Reserved[4];
} REGISTER_FIS;
SIZE(REGISTER_FIS, 20);

/** A command table (4.2.3), and the fields that are kept with it until the command has a slot. It is aligned to 128 bytes. */
typedef struct _COMMAND {
    REGISTER_FIS Fis;
    UCHAR Reserved[0x80 - sizeof(REGISTER_FIS)];
    PRDT_ENTRY Prdt[RUNTIME_BREAKS];
    ULONG Flags;
    BOOLEAN Queued;
} COMMAND;
AT(COMMAND, Prdt, 0x80);
#define COMMAND_ALIGNMENT 0x80

/** What the running instance leaves for the one that writes the dump. */
typedef struct _DUMP_CONTEXT {
    ULONG Signature;
    ULONG Port;
} DUMP_CONTEXT;
#define DUMP_CONTEXT_SIGNATURE 0x41485344 // DSHA

/** An entry of the history that the running instance keeps for a debugger. */
typedef struct _HISTORY_ENTRY {
    ULONG64 Lba;
    void *Srb;
    ULONG Blocks;
    UCHAR Command;
    UCHAR Slot;
    USHORT Sequence;
    ULONG64 Reserved;
} HISTORY_ENTRY;
SIZE(HISTORY_ENTRY, 32);
#define HISTORY_ENTRIES 1024

/** The uncached extension, aligned to 1 KiB: HBA and driver share it. */
typedef struct _SHARED_MEMORY {
    COMMAND_HEADER CommandList[SLOTS];
    UCHAR ReceivedFis[0x100];
    USHORT Identify[256];
    COMMAND Internal;
    UCHAR Pad[COMMAND_ALIGNMENT - sizeof(COMMAND) % COMMAND_ALIGNMENT];
    DUMP_CONTEXT DumpContext;
    HISTORY_ENTRY History[]; // not in dump mode
} SHARED_MEMORY;
AT(SHARED_MEMORY, ReceivedFis, 0x400);
_Static_assert(offsetof(SHARED_MEMORY, Internal) % COMMAND_ALIGNMENT == 0, "Internal");
#define SHARED_ALIGNMENT 0x400

/**
 * The device extension. Storport zeroes it for both instances, and this driver relies on that: nothing here is
 * cleared before use. Memory from StorPortGetUncachedExtension is not zeroed.
 */
typedef struct _ADAPTER {
    volatile UCHAR *Hba;
    volatile UCHAR *PortRegisters;
    SHARED_MEMORY *Shared;
    ULONG64 SharedAddress;
    ULONG Port;
    ULONG Capabilities;
    /** The number of usable slots; a bit for each slot that is issued, and for each of those that holds a queued command. */
    ULONG SlotCount;
    ULONG Outstanding;
    ULONG Queued;
    ULONG HistoryNext;
    BOOLEAN DumpMode;
    BOOLEAN UseQueuing;
    BOOLEAN Ready;
    DISK Disk;
    SCSI_REQUEST_BLOCK *Srb[SLOTS];
} ADAPTER;

static inline ULONG ReadPort(ADAPTER *Adapter, ULONG Register) {
    return StorPortReadRegisterUlong(Adapter->PortRegisters + Register);
}
static inline void WritePort(ADAPTER *Adapter, ULONG Register, ULONG Value) {
    StorPortWriteRegisterUlong(Adapter->PortRegisters + Register, Value);
}

// hba.c
BOOLEAN AhciTakeHba(ADAPTER *Adapter);
BOOLEAN AhciFindPort(ADAPTER *Adapter, const DUMP_CONTEXT *Context);
BOOLEAN AhciStartPort(ADAPTER *Adapter);
BOOLEAN AhciRecoverPort(ADAPTER *Adapter);

// command.c
COMMAND *AhciCommandOf(SCSI_REQUEST_BLOCK *Srb);
void AhciCompose(COMMAND *Command, UCHAR AtaCommand);
BOOLEAN AhciComposeTransfer(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb, const TRANSFER *Transfer);
BOOLEAN AhciIssue(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb);
BOOLEAN AhciRunInternal(ADAPTER *Adapter, UCHAR AtaCommand, ULONG DataOffset, ULONG DataLength);
void AhciCompleteFinished(ADAPTER *Adapter);
void AhciFailOutstanding(ADAPTER *Adapter, BOOLEAN BusReset);

// identify.c
BOOLEAN AhciIdentify(ADAPTER *Adapter);

#endif

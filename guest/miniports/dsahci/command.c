// Commands: composed in the SRB extension, issued in a slot, completed when the bit of the slot is clear. AHCI 1.3.1, sections 4.2
// and 5.6; queued commands (NCQ) of ACS-3, section 4.14.
#include "dsahci.h"

#define FIS_TYPE_H2D 0x27
#define FIS_C 0x80
#define DEVICE_LBA 0x40
#define FIS_DWORDS (sizeof(REGISTER_FIS) / 4)

#define INTERNAL_STEP_US 100
#define INTERNAL_STEPS 50000 // five seconds

/** The SRB extension has spare bytes for the alignment; the low bits of both addresses are the same. */
COMMAND *AhciCommandOf(SCSI_REQUEST_BLOCK *Srb) {
    ULONG64 at = (ULONG64)SrbGetExtension(Srb);
    return (COMMAND *)((at + COMMAND_ALIGNMENT - 1) & ~(ULONG64)(COMMAND_ALIGNMENT - 1));
}

void AhciCompose(COMMAND *Command, UCHAR AtaCommand) {
    memset(&Command->Fis, 0, sizeof(Command->Fis));
    Command->Fis.Type = FIS_TYPE_H2D;
    Command->Fis.Flags = FIS_C;
    Command->Fis.Command = AtaCommand;
    Command->Flags = FIS_DWORDS;
    Command->Queued = FALSE;
}

static void SetPrdtEntry(PRDT_ENTRY *Entry, ULONG64 Address, ULONG Length) {
    Entry->AddressLow = (ULONG)Address;
    Entry->AddressHigh = (ULONG)(Address >> 32);
    Entry->Reserved = 0;
    Entry->ByteCountMinusOne = Length - 1;
}

BOOLEAN AhciComposeTransfer(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb, const TRANSFER *Transfer) {
    COMMAND *command = AhciCommandOf(Srb);
    STOR_SCATTER_GATHER_LIST *list = StorPortGetScatterGatherList(Adapter, Srb);
    if (list == NULL || list->NumberOfElements > RUNTIME_BREAKS || Transfer->Blocks > 0x10000) return FALSE;
    REGISTER_FIS *fis = &command->Fis;
    UCHAR low = (UCHAR)Transfer->Blocks, high = (UCHAR)(Transfer->Blocks >> 8);
    if (Adapter->UseQueuing) {
        AhciCompose(command, Transfer->Write ? ATA_WRITE_FPDMA_QUEUED : ATA_READ_FPDMA_QUEUED);
        command->Queued = TRUE; // Features holds the count, and Count the tag
        fis->Features = low;
        fis->FeaturesExp = high;
    } else {
        AhciCompose(command, Transfer->Write ? ATA_WRITE_DMA_EXT : ATA_READ_DMA_EXT);
        fis->Count = low;
        fis->CountExp = high;
    }
    fis->Device = DEVICE_LBA;
    fis->Lba0 = (UCHAR)Transfer->Lba;
    fis->Lba1 = (UCHAR)(Transfer->Lba >> 8);
    fis->Lba2 = (UCHAR)(Transfer->Lba >> 16);
    fis->Lba3 = (UCHAR)(Transfer->Lba >> 24);
    fis->Lba4 = (UCHAR)(Transfer->Lba >> 32);
    fis->Lba5 = (UCHAR)(Transfer->Lba >> 40);
    for (ULONG i = 0; i < list->NumberOfElements; i++) {
        SetPrdtEntry(&command->Prdt[i], (ULONG64)list->List[i].PhysicalAddress.QuadPart, list->List[i].Length);
    }
    command->Flags |= list->NumberOfElements << 16 | (Transfer->Write ? HEADER_WRITE : 0);
    return TRUE;
}

static void PlaceCommand(ADAPTER *Adapter, COMMAND *Command, ULONG64 Address, ULONG Slot) {
    COMMAND_HEADER *header = &Adapter->Shared->CommandList[Slot];
    header->Flags = Command->Flags;
    header->BytesTransferred = 0;
    header->TableLow = (ULONG)Address;
    header->TableHigh = (ULONG)(Address >> 32);
}

static void RecordHistory(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb, const COMMAND *Command, ULONG Slot) {
    HISTORY_ENTRY *entry = &Adapter->Shared->History[Adapter->HistoryNext % HISTORY_ENTRIES];
    const REGISTER_FIS *fis = &Command->Fis;
    entry->Srb = Srb;
    entry->Lba = fis->Lba0 | (ULONG64)fis->Lba1 << 8 | (ULONG64)fis->Lba2 << 16 | (ULONG64)fis->Lba3 << 24 |
                 (ULONG64)fis->Lba4 << 32 | (ULONG64)fis->Lba5 << 40;
    entry->Blocks = Command->Queued ? fis->Features | (ULONG)fis->FeaturesExp << 8 : fis->Count | (ULONG)fis->CountExp << 8;
    entry->Command = fis->Command;
    entry->Slot = (UCHAR)Slot;
    entry->Sequence = (USHORT)Adapter->HistoryNext++;
}

/** Returns FALSE when the command has to wait: no slot is free, or queued and other commands would be mixed (ACS-3, 4.14). */
BOOLEAN AhciIssue(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    COMMAND *command = AhciCommandOf(Srb);
    ULONG slot = 0, length;
    if (Adapter->Outstanding != 0 && !(command->Queued && Adapter->Queued != 0)) return FALSE;
    while (slot < Adapter->SlotCount && (Adapter->Outstanding >> slot & 1) != 0) slot++;
    if (slot == Adapter->SlotCount) return FALSE;
    ULONG bit = 1u << slot;
    if (command->Queued) command->Fis.Count = (UCHAR)(slot << 3);
    PlaceCommand(Adapter, command, (ULONG64)StorPortGetPhysicalAddress(Adapter, NULL, command, &length).QuadPart, slot);
    if (!Adapter->DumpMode) RecordHistory(Adapter, Srb, command, slot);
    Adapter->Srb[slot] = Srb;
    Adapter->Outstanding |= bit;
    if (command->Queued) {
        Adapter->Queued |= bit;
        WritePort(Adapter, PxSACT, bit);
    }
    WritePort(Adapter, PxCI, bit);
    return TRUE;
}

/** Runs a command of the driver itself in slot 0 and polls until it ends; no other command may be outstanding. */
BOOLEAN AhciRunInternal(ADAPTER *Adapter, UCHAR AtaCommand, ULONG DataOffset, ULONG DataLength) {
    COMMAND *command = &Adapter->Shared->Internal;
    AhciCompose(command, AtaCommand);
    SetPrdtEntry(&command->Prdt[0], Adapter->SharedAddress + DataOffset, DataLength);
    command->Flags |= 1u << 16;
    PlaceCommand(Adapter, command, Adapter->SharedAddress + offsetof(SHARED_MEMORY, Internal), 0);
    WritePort(Adapter, PxCI, 1);
    for (ULONG step = 0; step < INTERNAL_STEPS; step++) {
        if ((ReadPort(Adapter, PxIS) & PORT_ERRORS) != 0) return FALSE;
        if ((ReadPort(Adapter, PxCI) & 1) == 0) return TRUE;
        StorPortStallExecution(INTERNAL_STEP_US);
    }
    return FALSE;
}

/** Takes an SRB out of its slot. */
static SCSI_REQUEST_BLOCK *Release(ADAPTER *Adapter, ULONG Slot) {
    SCSI_REQUEST_BLOCK *srb = Adapter->Srb[Slot];
    Adapter->Srb[Slot] = NULL;
    Adapter->Outstanding &= ~(1u << Slot);
    Adapter->Queued &= ~(1u << Slot);
    return srb;
}

/** Completes the commands whose bits are clear in both PxCI and PxSACT: they have succeeded. */
void AhciCompleteFinished(ADAPTER *Adapter) {
    ULONG busy = ReadPort(Adapter, PxCI) | (Adapter->Queued != 0 ? ReadPort(Adapter, PxSACT) : 0);
    ULONG finished = Adapter->Outstanding & ~busy;
    for (ULONG slot = 0; slot < SLOTS; slot++) {
        if ((finished >> slot & 1) == 0) continue;
        SCSI_REQUEST_BLOCK *srb = Release(Adapter, slot);
        SrbSetScsiStatus(srb, SCSISTAT_GOOD);
        SrbComplete(Adapter, srb, SRB_STATUS_SUCCESS);
    }
}

/**
 * The command list has stopped, or a reset was requested. Commands that have ended are completed, the port is restarted, the others fail.
 * Which of several queued commands failed is recorded in a log that is not read here: all of them may be retried,
 * one at a time from now on, so that the next failure names its command.
 */
void AhciFailOutstanding(ADAPTER *Adapter, BOOLEAN BusReset) {
    AhciCompleteFinished(Adapter);
    BOOLEAN queued = Adapter->Queued != 0;
    AhciRecoverPort(Adapter);
    if (queued && !BusReset) Adapter->UseQueuing = FALSE;
    ULONG failed = Adapter->Outstanding; // the port may start the next request from a completion
    for (ULONG slot = 0; slot < SLOTS; slot++) {
        if ((failed >> slot & 1) == 0) continue;
        SCSI_REQUEST_BLOCK *srb = Release(Adapter, slot);
        if (BusReset || queued) {
            SrbComplete(Adapter, srb, SRB_STATUS_BUS_RESET);
        } else {
            DiskFailed(srb);
            SrbComplete(Adapter, srb, srb->SrbStatus);
        }
    }
}

// Commands: composed in the SRB extension, copied into a queue when they have a slot, ended by the phase of completion entries (4.1 to 4.6).
#include "dsnvme.h"

#define KEEP_ORDER() __asm__ volatile("" ::: "memory")

/** The SRB extension has slack for the alignment; the low bits of both addresses are the same. */
REQUEST *NvmeRequestOf(SCSI_REQUEST_BLOCK *Srb) {
    ULONG64 at = (ULONG64)SrbGetExtension(Srb);
    return (REQUEST *)((at + REQUEST_ALIGNMENT - 1) & ~(ULONG64)(REQUEST_ALIGNMENT - 1));
}

static NVME_COMMAND *Begin(SCSI_REQUEST_BLOCK *Srb, UCHAR Opcode) {
    NVME_COMMAND *command = &NvmeRequestOf(Srb)->Command;
    memset(command, 0, sizeof(*command));
    command->Opcode = Opcode;
    command->Namespace = NSID;
    return command;
}

void NvmeComposeFlush(SCSI_REQUEST_BLOCK *Srb) { Begin(Srb, NVM_FLUSH); }

/** Each page of the data is an entry: the first may begin inside its page. Two pages need no list (4.3). */
static BOOLEAN DescribeData(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb, NVME_COMMAND *Command) {
    STOR_SCATTER_GATHER_LIST *list = StorPortGetScatterGatherList(Adapter, Srb);
    REQUEST *request = NvmeRequestOf(Srb);
    ULONG64 *prps = request->Prps;
    ULONG pages = 0, length;
    if (list == NULL) return FALSE;
    for (ULONG i = 0; i < list->NumberOfElements; i++) {
        ULONG64 at = (ULONG64)list->List[i].PhysicalAddress.QuadPart, end = at + list->List[i].Length;
        for (; at < end; at = (at & ~(ULONG64)(PAGE_SIZE - 1)) + PAGE_SIZE, pages++) {
            if (pages == RUNTIME_BREAKS) return FALSE;
            if (pages == 0) Command->Prp1 = at;
            else prps[pages - 1] = at;
        }
    }
    if (pages == 2) Command->Prp2 = prps[0];
    if (pages > 2) Command->Prp2 = (ULONG64)StorPortGetPhysicalAddress(Adapter, NULL, prps, &length).QuadPart;
    return TRUE;
}

BOOLEAN NvmeComposeTransfer(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb, const TRANSFER *Transfer) {
    NVME_COMMAND *command = Begin(Srb, Transfer->Write ? NVM_WRITE : NVM_READ);
    if (Transfer->Blocks > 0x10000) return FALSE;
    command->Dwords[0] = (ULONG)Transfer->Lba;
    command->Dwords[1] = (ULONG)(Transfer->Lba >> 32);
    command->Dwords[2] = Transfer->Blocks - 1;
    return DescribeData(Adapter, Srb, command);
}

static ULONG EntriesOf(ADAPTER *Adapter, ULONG Queue) { return Queue == ADMIN_QUEUE ? ENTRIES : Adapter->Entries; }

static void Ring(ADAPTER *Adapter, ULONG Doorbell, ULONG Value) {
    WriteRegister(Adapter, NVME_DOORBELLS + Doorbell * Adapter->DoorbellStride, Value);
}

/** Puts a command into a queue, which has room, and tells the controller. */
void NvmePut(ADAPTER *Adapter, ULONG Queue, const NVME_COMMAND *Command, USHORT Id) {
    QUEUE *queue = &Adapter->Queues[Queue];
    NVME_COMMAND *entry = &Adapter->Shared->Queues[Queue].Commands[queue->Tail];
    memcpy(entry, Command, sizeof(*entry));
    entry->Id = Id;
    queue->Tail = (USHORT)((queue->Tail + 1u) % EntriesOf(Adapter, Queue));
    KEEP_ORDER();
    Ring(Adapter, Queue * 2, queue->Tail);
}

/** NULL where the next entry has the phase of the last turn. */
volatile NVME_COMPLETION *NvmeNextCompletion(ADAPTER *Adapter, ULONG Queue) {
    QUEUE *queue = &Adapter->Queues[Queue];
    volatile NVME_COMPLETION *entry = &Adapter->Shared->Queues[Queue].Completions[queue->Head];
    return (entry->Status & 1) == queue->Phase ? entry : NULL;
}

void NvmeGiveBack(ADAPTER *Adapter, ULONG Queue) {
    QUEUE *queue = &Adapter->Queues[Queue];
    queue->Head = (USHORT)((queue->Head + 1u) % EntriesOf(Adapter, Queue));
    if (queue->Head == 0) queue->Phase ^= 1;
    Ring(Adapter, Queue * 2 + 1, queue->Head);
}

/** FALSE when there is no slot. The slots of all pairs are interleaved. */
BOOLEAN NvmeSubmit(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    ULONG slot = 0;
    while (slot < Adapter->Slots && Adapter->Srb[slot] != NULL) slot++;
    if (slot == Adapter->Slots) return FALSE;
    Adapter->Srb[slot] = Srb;
    NvmePut(Adapter, 1 + slot % Adapter->Pairs, &NvmeRequestOf(Srb)->Command, (USHORT)slot);
    return TRUE;
}

/** Completes what has ended; TRUE where anything has. */
BOOLEAN NvmeReap(ADAPTER *Adapter) {
    BOOLEAN any = FALSE;
    for (ULONG queue = 1; queue <= Adapter->Pairs; queue++) {
        volatile NVME_COMPLETION *completion;
        while ((completion = NvmeNextCompletion(Adapter, queue)) != NULL) {
            ULONG slot = completion->Id;
            BOOLEAN good = completion->Status >> 1 == 0;
            NvmeGiveBack(Adapter, queue);
            any = TRUE;
            if (slot >= RUNTIME_SLOTS || Adapter->Srb[slot] == NULL) continue; // not of this life
            SCSI_REQUEST_BLOCK *srb = Adapter->Srb[slot];
            Adapter->Srb[slot] = NULL;
            if (good) {
                SrbSetScsiStatus(srb, SCSISTAT_GOOD);
                SrbComplete(Adapter, srb, SRB_STATUS_SUCCESS);
            } else {
                DiskFailed(srb);
                SrbComplete(Adapter, srb, srb->SrbStatus);
            }
        }
    }
    return any;
}

/** After a reset: what the controller had may be tried again. */
void NvmeFailOutstanding(ADAPTER *Adapter) {
    for (ULONG slot = 0; slot < RUNTIME_SLOTS; slot++) {
        SCSI_REQUEST_BLOCK *srb = Adapter->Srb[slot];
        Adapter->Srb[slot] = NULL;
        if (srb != NULL) SrbComplete(Adapter, srb, SRB_STATUS_BUS_RESET);
    }
}

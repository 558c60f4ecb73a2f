// The controller: reset and start (7.6.1), what it and its namespace are (5.15), I/O queues, shutdown (7.6.2). All of it is polled: the
// same code runs at PASSIVE_LEVEL and in a dump.
#include "dsnvme.h"

#define MILLISECOND 1000
#define SHUTDOWN_MS 5000
#define PAGE_SHIFT 12

ULONG NvmePairsOf(const ADAPTER *Adapter) { return Adapter->DumpMode ? 1 : RUNTIME_PAIRS; }

BOOLEAN NvmeReadCapabilities(ADAPTER *Adapter) {
    ULONG low = ReadRegister(Adapter, NVME_CAP), high = ReadRegister(Adapter, NVME_CAP_HIGH);
    if ((high >> 16 & 0xF) != 0) return FALSE; // MPSMIN: pages of 4 KiB are too small for it
    Adapter->DoorbellStride = 4u << (high & 0xF);
    Adapter->ReadyMs = (low >> 24) * 500;
    Adapter->Entries = (low & 0xFFFF) + 1 < ENTRIES ? (low & 0xFFFF) + 1 : ENTRIES;
    return TRUE;
}

static BOOLEAN AwaitStatus(ADAPTER *Adapter, ULONG Mask, ULONG Value, ULONG Milliseconds) {
    for (ULONG waited = 0;; waited++) {
        ULONG status = ReadRegister(Adapter, NVME_CSTS);
        if (status == 0xFFFFFFFF) return FALSE; // it is gone
        if ((status & Mask) == Value) return TRUE;
        if (waited == Milliseconds) return FALSE;
        StorPortStallExecution(MILLISECOND);
    }
}

static void WriteAddress(ADAPTER *Adapter, ULONG Register, ULONG64 Address) {
    WriteRegister(Adapter, Register, (ULONG)Address);
    WriteRegister(Adapter, Register + 4, (ULONG)(Address >> 32));
}

static ULONG64 CommandsAddress(ADAPTER *Adapter, ULONG Queue) {
    return Adapter->SharedAddress + offsetof(SHARED_MEMORY, Queues) + Queue * sizeof(QUEUE_MEMORY);
}
static ULONG64 CompletionsAddress(ADAPTER *Adapter, ULONG Queue) {
    return CommandsAddress(Adapter, Queue) + offsetof(QUEUE_MEMORY, Completions);
}

/** Both rings empty: the phase of every entry is that of no completion. */
static void ClearQueue(ADAPTER *Adapter, ULONG Queue) {
    memset(&Adapter->Shared->Queues[Queue], 0, sizeof(QUEUE_MEMORY));
    memset(&Adapter->Queues[Queue], 0, sizeof(QUEUE));
    Adapter->Queues[Queue].Phase = 1;
}

/** Whatever the controller was doing ends with the reset; nothing is ready before CSTS.RDY has followed CC.EN, both ways. */
BOOLEAN NvmeStartController(ADAPTER *Adapter) {
    WriteRegister(Adapter, NVME_CC, ReadRegister(Adapter, NVME_CC) & ~CC_EN);
    if (!AwaitStatus(Adapter, CSTS_RDY, 0, Adapter->ReadyMs)) return FALSE;
    WriteRegister(Adapter, NVME_INTMS, LINE_VECTOR);
    ClearQueue(Adapter, ADMIN_QUEUE);
    WriteRegister(Adapter, NVME_AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
    WriteAddress(Adapter, NVME_ASQ, CommandsAddress(Adapter, ADMIN_QUEUE));
    WriteAddress(Adapter, NVME_ACQ, CompletionsAddress(Adapter, ADMIN_QUEUE));
    WriteRegister(Adapter, NVME_CC, CC_ENTRY_SIZES | CC_EN);
    return AwaitStatus(Adapter, CSTS_RDY, CSTS_RDY, Adapter->ReadyMs) && (ReadRegister(Adapter, NVME_CSTS) & CSTS_CFS) == 0;
}

/** One admin command, polled to its end. */
static BOOLEAN RunAdmin(ADAPTER *Adapter, UCHAR Opcode, ULONG Namespace, ULONG64 Prp1, ULONG Dword10, ULONG Dword11, ULONG *Result) {
    NVME_COMMAND command;
    memset(&command, 0, sizeof(command));
    command.Opcode = Opcode;
    command.Namespace = Namespace;
    command.Prp1 = Prp1;
    command.Dwords[0] = Dword10;
    command.Dwords[1] = Dword11;
    NvmePut(Adapter, ADMIN_QUEUE, &command, 0);
    for (ULONG step = 0; step < ADMIN_STEPS; step++) {
        volatile NVME_COMPLETION *completion = NvmeNextCompletion(Adapter, ADMIN_QUEUE);
        if (completion != NULL) {
            BOOLEAN good = completion->Status >> 1 == 0;
            if (Result != NULL) *Result = completion->Result;
            NvmeGiveBack(Adapter, ADMIN_QUEUE);
            return good;
        }
        StorPortStallExecution(ADMIN_STEP_US);
    }
    return FALSE;
}

BOOLEAN NvmeIdentify(ADAPTER *Adapter) {
    DISK *disk = &Adapter->Disk;
    const UCHAR *data = Adapter->Shared->Identify;
    ULONG64 address = Adapter->SharedAddress + offsetof(SHARED_MEMORY, Identify);
    if (!RunAdmin(Adapter, ADMIN_IDENTIFY, NSID, address, IDENTIFY_NAMESPACE, 0, NULL)) return FALSE;
    ULONG shift = data[128 + (data[26] & 0xF) * 4 + 2]; // LBADS of the format that FLBAS names
    if (shift < 9 || shift > PAGE_SHIFT) return FALSE;
    disk->BlockCount = *(const ULONG64 *)data;
    disk->BlockBytes = 1u << shift;
    disk->CommandQueuing = TRUE;
    if (!RunAdmin(Adapter, ADMIN_IDENTIFY, 0, address, IDENTIFY_CONTROLLER, 0, NULL)) return FALSE;
    DiskSetText(disk->VendorId, sizeof(disk->VendorId), "NVMe", 4);
    DiskSetText(disk->SerialNumber, sizeof(disk->SerialNumber), (const CHAR *)data + 4, 20);
    DiskSetText(disk->ProductId, sizeof(disk->ProductId), (const CHAR *)data + 24, 16);
    DiskSetText(disk->Revision, sizeof(disk->Revision), (const CHAR *)data + 64, 4);
    disk->WriteCache = data[525] & 1;
    ULONG mdts = data[77]; // in pages; 0 is without limit
    Adapter->MaxTransferBytes = ((Adapter->DumpMode ? DUMP_BREAKS : RUNTIME_BREAKS) - 1) * PAGE_SIZE;
    if (mdts != 0 && mdts < 16 && (PAGE_SIZE << mdts) < Adapter->MaxTransferBytes) Adapter->MaxTransferBytes = PAGE_SIZE << mdts;
    return TRUE;
}

/** As many pairs as the controller grants; those of a dump interrupt no one. */
BOOLEAN NvmeCreateQueues(ADAPTER *Adapter) {
    ULONG pairs = NvmePairsOf(Adapter), granted = 0, last = Adapter->Entries - 1;
    if (!RunAdmin(Adapter, ADMIN_SET_FEATURES, 0, 0, FEATURE_QUEUES, (pairs - 1) << 16 | (pairs - 1), &granted)) return FALSE;
    if ((granted & 0xFFFF) + 1 < pairs) pairs = (granted & 0xFFFF) + 1;
    if ((granted >> 16) + 1 < pairs) pairs = (granted >> 16) + 1;
    for (ULONG queue = 1; queue <= pairs; queue++) {
        ULONG flags = QUEUE_CONTIGUOUS | (Adapter->DumpMode ? 0 : QUEUE_INTERRUPTS);
        ClearQueue(Adapter, queue);
        if (!RunAdmin(Adapter, ADMIN_CREATE_CQ, 0, CompletionsAddress(Adapter, queue), last << 16 | queue, flags, NULL)) return FALSE;
        if (!RunAdmin(Adapter, ADMIN_CREATE_SQ, 0, CommandsAddress(Adapter, queue), last << 16 | queue,
                      queue << 16 | QUEUE_CONTIGUOUS, NULL)) {
            return FALSE;
        }
    }
    ULONG perPair = last < SLOTS_OF_PAIR ? last : SLOTS_OF_PAIR;
    Adapter->Pairs = pairs;
    Adapter->Slots = Adapter->DumpMode ? 1 : pairs * perPair;
    Adapter->Ready = TRUE;
    if (!Adapter->DumpMode) WriteRegister(Adapter, NVME_INTMC, LINE_VECTOR);
    return TRUE;
}

/** What is in the volatile cache reaches the medium. */
void NvmeShutDown(ADAPTER *Adapter) {
    Adapter->Ready = FALSE;
    WriteRegister(Adapter, NVME_CC, CC_ENTRY_SIZES | CC_EN | CC_SHN_NORMAL);
    AwaitStatus(Adapter, CSTS_SHST, CSTS_SHST_COMPLETE, SHUTDOWN_MS);
}

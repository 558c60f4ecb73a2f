// The request queue: memory, the rings that driver and device share, and requests in progress (2.7, 2.7.13, 2.7.14).
#include "dsvioblk.h"

#define KEEP_ORDER() __asm__ volatile("" ::: "memory")
/** Between a store and a later load: the one pair that x64 may reorder. */
#define FENCE() __asm__ volatile("lock; orl $0, (%%rsp)" ::: "memory", "cc")

#define NULL_DESCRIPTOR 0xFFFF

#if BUG == 4
IMPORT ULONG KeQueryActiveProcessorCountEx(USHORT GroupNumber);
#define ALL_PROCESSOR_GROUPS 0xFFFF
#endif

static ULONG AlignUp(ULONG Value, ULONG Alignment) { return (Value + Alignment - 1) & ~(Alignment - 1); }

static ULONG AvailableOffset(ULONG Size) { return Size * sizeof(DESCRIPTOR); }
static ULONG UsedOffset(ULONG Size, ULONG Alignment) { return AlignUp(AvailableOffset(Size) + 6 + Size * 2, Alignment); }

/**
 * Driver and device share one block of memory. In a dump that block is small, may be aligned to 8 bytes only, and holds old
 * contents.
 */
BOOLEAN VioAllocateQueue(ADAPTER *Adapter, PORT_CONFIGURATION_INFORMATION *ConfigInfo) {
    const TRANSPORT *transport = Adapter->Transport;
    ULONG size = transport->SelectQueue(Adapter);
    if (size == 0 || size > MAX_QUEUE_SIZE || (size & (size - 1)) != 0) return FALSE;
#if BUG != 4
    if (Adapter->DumpMode && !transport->QueueSizeIsFixed && size > DUMP_QUEUE_SIZE) size = DUMP_QUEUE_SIZE;
#endif
    if (size < Adapter->MaxSegments + 2) return FALSE;
    ULONG used = UsedOffset(size, transport->UsedAlignment);
    ULONG state = AlignUp(used + 6 + size * 8, 8);
    ULONG bytes = state + sizeof(QUEUE_STATE) + size * sizeof(SCSI_REQUEST_BLOCK *);
#if BUG == 4
    // B04: asks for a queue for every processor, though a dump has one processor and uses one queue.
    ULONG total = AlignUp(bytes, PAGE_SIZE) * KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS);
    UCHAR *block = StorPortGetUncachedExtension(Adapter, ConfigInfo, total + transport->RingAlignment);
#else
    UCHAR *block = StorPortGetUncachedExtension(Adapter, ConfigInfo, bytes + transport->RingAlignment);
#endif
    if (block == NULL) return FALSE;
    ULONG64 address;
    block = MiniportAlign(Adapter, block, transport->RingAlignment, &address);
    QUEUE *queue = &Adapter->Queue;
    queue->Descriptors = (DESCRIPTOR *)block;
    queue->Available = (AVAILABLE_RING *)(block + AvailableOffset(size));
    queue->Used = (USED_RING *)(block + used);
    queue->State = (QUEUE_STATE *)(block + state);
    queue->DescriptorAddress = address;
    queue->AvailableAddress = address + AvailableOffset(size);
    queue->UsedAddress = address + used;
    queue->Size = size;
    queue->Bytes = bytes;
    return TRUE;
}

/** Makes the queue empty: all descriptors are free. Called before the device is given its address. */
void VioResetQueue(ADAPTER *Adapter) {
    QUEUE *queue = &Adapter->Queue;
#if BUG == 17
    // B17: the rings are cleared, the driver's own state after them is not.
    memset(queue->Descriptors, 0, (ULONG)((UCHAR *)queue->State - (UCHAR *)queue->Descriptors));
#else
    memset(queue->Descriptors, 0, queue->Bytes);
#endif
    for (ULONG i = 0; i + 1 < queue->Size; i++) queue->Descriptors[i].Next = (USHORT)(i + 1);
    queue->State->FreeHead = 0;
    queue->State->FreeCount = (USHORT)queue->Size;
    // A dump polls: no interrupts are delivered.
    if (Adapter->DumpMode) queue->Available->Flags = AVAIL_NO_INTERRUPT;
}

static USHORT TakeDescriptor(QUEUE *Queue) {
    USHORT taken = Queue->State->FreeHead;
    Queue->State->FreeHead = Queue->Descriptors[taken].Next;
    Queue->State->FreeCount--;
    return taken;
}

static void FreeChain(QUEUE *Queue, USHORT Head) {
    USHORT last = Head;
    Queue->State->FreeCount++;
    while ((Queue->Descriptors[last].Flags & DESC_NEXT) != 0) {
        last = Queue->Descriptors[last].Next;
        Queue->State->FreeCount++;
    }
    Queue->Descriptors[last].Next = Queue->State->FreeHead;
    Queue->State->FreeHead = Head;
}

/** Uses one descriptor, which points to the table of the request (2.7.5.3). */
static USHORT PlaceIndirect(ADAPTER *Adapter, REQUEST *Request) {
    QUEUE *queue = &Adapter->Queue;
    ULONG length;
    USHORT head = TakeDescriptor(queue);
    DESCRIPTOR *descriptor = &queue->Descriptors[head];
    descriptor->Address = (ULONG64)StorPortGetPhysicalAddress(Adapter, NULL, Request->Table, &length).QuadPart;
    descriptor->Length = Request->Descriptors * sizeof(DESCRIPTOR);
    descriptor->Flags = DESC_INDIRECT;
    return head;
}

/** Copies the table of the request into descriptors of the queue. */
static USHORT PlaceChain(QUEUE *Queue, const REQUEST *Request) {
    USHORT head = TakeDescriptor(Queue), current = head;
    for (ULONG i = 0;; i++) {
        DESCRIPTOR *descriptor = &Queue->Descriptors[current];
        descriptor->Address = Request->Table[i].Address;
        descriptor->Length = Request->Table[i].Length;
        descriptor->Flags = Request->Table[i].Flags;
        if (i + 1 == Request->Descriptors) return head;
        current = TakeDescriptor(Queue);
        descriptor->Next = current;
    }
}

/** Returns FALSE when the queue is full. */
BOOLEAN VioSubmit(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    QUEUE *queue = &Adapter->Queue;
    REQUEST *request = VioRequestOf(Srb);
    BOOLEAN indirect = (Adapter->Features & VIRTIO_F_INDIRECT_DESC) != 0;
    if (queue->State->FreeCount < (indirect ? 1 : request->Descriptors)) return FALSE;
    USHORT head = indirect ? PlaceIndirect(Adapter, request) : PlaceChain(queue, request);
    AVAILABLE_RING *available = queue->Available;
    queue->State->Srb[head] = Srb;
    available->Ring[available->Index & (queue->Size - 1)] = head;
    KEEP_ORDER(); // the entry is written before the index
    available->Index = available->Index + 1;
    FENCE(); // the index is written before the flag is read
    if ((queue->Used->Flags & USED_NO_NOTIFY) == 0) Adapter->Transport->Notify(Adapter);
    return TRUE;
}

/** Completes the requests in the used ring; returns TRUE if there were any. */
BOOLEAN VioReapQueue(ADAPTER *Adapter) {
    QUEUE *queue = &Adapter->Queue;
    QUEUE_STATE *state = queue->State;
    BOOLEAN found = FALSE;
    while (state->LastUsed != queue->Used->Index) {
        KEEP_ORDER();
        ULONG id = queue->Used->Ring[state->LastUsed & (queue->Size - 1)].Id;
        state->LastUsed++;
        found = TRUE;
        if (id >= queue->Size || state->Srb[id] == NULL) continue; // no request has this number
        SCSI_REQUEST_BLOCK *srb = state->Srb[id];
        state->Srb[id] = NULL;
        FreeChain(queue, (USHORT)id);
        if (VioRequestOf(srb)->Status == VIRTIO_BLK_S_OK) {
            SrbSetScsiStatus(srb, SCSISTAT_GOOD);
            srb->SrbStatus = SRB_STATUS_SUCCESS;
        } else {
            DiskFailed(srb);
        }
        SrbComplete(Adapter, srb, srb->SrbStatus);
    }
    return found;
}

/** Fails the requests that the device had before its reset: they are linked into a list first. */
SCSI_REQUEST_BLOCK *VioTakeOutstanding(ADAPTER *Adapter) {
    QUEUE *queue = &Adapter->Queue;
    SCSI_REQUEST_BLOCK *first = NULL;
    for (ULONG id = 0; id < queue->Size; id++) {
        SCSI_REQUEST_BLOCK *srb = queue->State->Srb[id];
        if (srb == NULL) continue;
        queue->State->Srb[id] = NULL;
        VioRequestOf(srb)->NextFailed = first;
        first = srb;
    }
    return first;
}

// An NVMe miniport after NVM Express 1.4; numbers in brackets are its sections. Entry points are in dsnvme.c, the controller and its
// admin queue in controller.c, commands and their completions in command.c.
#ifndef DSNVME_H
#define DSNVME_H
#include "disk.h"
#include "miniport.h"

#define PAGE_SIZE 0x1000u

// Controller registers (3.1)
#define NVME_CAP 0x00
#define NVME_CAP_HIGH 0x04
#define NVME_INTMS 0x0C
#define NVME_INTMC 0x10
#define NVME_CC 0x14
#define NVME_CSTS 0x1C
#define NVME_AQA 0x24
#define NVME_ASQ 0x28
#define NVME_ACQ 0x30
#define NVME_DOORBELLS 0x1000

#define CC_EN 0x1
#define CC_SHN_NORMAL 0x4000
/** Entries of 64 and 16 bytes. */
#define CC_ENTRY_SIZES 0x460000
#define CSTS_RDY 0x1
#define CSTS_CFS 0x2
#define CSTS_SHST 0xC
#define CSTS_SHST_COMPLETE 0x8
/** Of the line, by which this driver is interrupted. */
#define LINE_VECTOR 0x1

// Admin commands (5), NVM commands (6)
#define ADMIN_CREATE_SQ 0x01
#define ADMIN_CREATE_CQ 0x05
#define ADMIN_IDENTIFY 0x06
#define ADMIN_SET_FEATURES 0x09
#define FEATURE_QUEUES 0x07
#define IDENTIFY_NAMESPACE 0
#define IDENTIFY_CONTROLLER 1
#define QUEUE_CONTIGUOUS 0x1
#define QUEUE_INTERRUPTS 0x2
#define NVM_FLUSH 0x00
#define NVM_WRITE 0x01
#define NVM_READ 0x02
#define NSID 1

/** Submission queue entry (4.2). */
typedef struct _NVME_COMMAND {
    UCHAR Opcode, Flags;
    USHORT Id;
    ULONG Namespace;
    ULONG64 Reserved[2];
    ULONG64 Prp1, Prp2;
    ULONG Dwords[6];
} NVME_COMMAND;
SIZE(NVME_COMMAND, 64);

/** Completion queue entry (4.6). */
typedef struct _NVME_COMPLETION {
    ULONG Result, Reserved;
    USHORT SubmissionHead, SubmissionQueue;
    USHORT Id;
    /** Phase tag, then the status field. */
    USHORT Status;
} NVME_COMPLETION;
SIZE(NVME_COMPLETION, 16);

#define ADMIN_QUEUE 0
/** I/O queue pairs of the running system; a dump has one. */
#define RUNTIME_PAIRS 4
#define ENTRIES 32
/** Less than a queue has, so that none is ever full. */
#define SLOTS_OF_PAIR 8
#define RUNTIME_SLOTS (RUNTIME_PAIRS * SLOTS_OF_PAIR)
#define RUNTIME_BREAKS 33
#define DUMP_BREAKS 17
#define ADMIN_STEP_US 100
#define ADMIN_STEPS 50000 // five seconds

/** What driver and controller share of one queue pair: each ring begins with a page (5.3, 5.4). */
typedef struct _QUEUE_MEMORY {
    NVME_COMMAND Commands[ENTRIES];
    UCHAR Padding[PAGE_SIZE - ENTRIES * sizeof(NVME_COMMAND)];
    volatile NVME_COMPLETION Completions[PAGE_SIZE / sizeof(NVME_COMPLETION)];
} QUEUE_MEMORY;
SIZE(QUEUE_MEMORY, 2 * PAGE_SIZE);

/** One block: data of Identify, the admin queue, then as many I/O queue pairs as there are. */
typedef struct _SHARED_MEMORY {
    UCHAR Identify[PAGE_SIZE];
    QUEUE_MEMORY Queues[];
} SHARED_MEMORY;

typedef struct _QUEUE {
    USHORT Tail, Head;
    USHORT Phase;
} QUEUE;

/** In the SRB extension, on a boundary of the list's size, so that the list crosses no page (4.3). */
typedef struct _REQUEST {
    ULONG64 Prps[RUNTIME_BREAKS - 1];
    NVME_COMMAND Command;
} REQUEST;
#define REQUEST_ALIGNMENT 256

/** The device extension. Storport hands it over zeroed, in both lives, and this driver relies on that. */
typedef struct _ADAPTER {
    volatile UCHAR *Registers;
    SHARED_MEMORY *Shared;
    ULONG64 SharedAddress;
    ULONG DoorbellStride;
    ULONG ReadyMs;
    ULONG Entries;
    ULONG MaxTransferBytes;
    ULONG Pairs;
    ULONG Slots;
    BOOLEAN DumpMode;
    BOOLEAN Ready;
    DISK Disk;
    QUEUE Queues[RUNTIME_PAIRS + 1];
    SCSI_REQUEST_BLOCK *Srb[RUNTIME_SLOTS];
    STOR_DPC CompletionDpc;
} ADAPTER;

static inline ULONG ReadRegister(ADAPTER *Adapter, ULONG Offset) { return StorPortReadRegisterUlong(Adapter->Registers + Offset); }
static inline void WriteRegister(ADAPTER *Adapter, ULONG Offset, ULONG Value) {
    StorPortWriteRegisterUlong(Adapter->Registers + Offset, Value);
}

// controller.c
ULONG NvmePairsOf(const ADAPTER *Adapter);
BOOLEAN NvmeReadCapabilities(ADAPTER *Adapter);
BOOLEAN NvmeStartController(ADAPTER *Adapter);
BOOLEAN NvmeIdentify(ADAPTER *Adapter);
BOOLEAN NvmeCreateQueues(ADAPTER *Adapter);
void NvmeShutDown(ADAPTER *Adapter);

// command.c
REQUEST *NvmeRequestOf(SCSI_REQUEST_BLOCK *Srb);
void NvmeComposeFlush(SCSI_REQUEST_BLOCK *Srb);
BOOLEAN NvmeComposeTransfer(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb, const TRANSFER *Transfer);
void NvmePut(ADAPTER *Adapter, ULONG Queue, const NVME_COMMAND *Command, USHORT Id);
volatile NVME_COMPLETION *NvmeNextCompletion(ADAPTER *Adapter, ULONG Queue);
void NvmeGiveBack(ADAPTER *Adapter, ULONG Queue);
BOOLEAN NvmeSubmit(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb);
BOOLEAN NvmeReap(ADAPTER *Adapter);
void NvmeFailOutstanding(ADAPTER *Adapter);

#endif

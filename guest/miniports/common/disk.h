// A disk as SCSI shows it: what both miniports answer themselves, and how they read a transfer out of a CDB.
#ifndef DISK_H
#define DISK_H
#include "srb.h"

typedef struct _DISK {
    ULONG64 BlockCount;
    ULONG BlockBytes;
    /** Two to this power logical blocks are one physical block. */
    UCHAR PhysicalBlockExponent;
    BOOLEAN ReadOnly;
    BOOLEAN WriteCache;
    /** Takes several requests at once. */
    BOOLEAN CommandQueuing;
    CHAR VendorId[8];
    CHAR ProductId[16];
    CHAR Revision[4];
    CHAR SerialNumber[20];
} DISK;

typedef struct _TRANSFER {
    ULONG64 Lba;
    ULONG Blocks;
    BOOLEAN Write;
} TRANSFER;

typedef enum _DISK_ACTION {
    /** The SRB has its answer and its status. */
    DiskAnswered,
    /** Blocks have to move: see the TRANSFER. */
    DiskTransfer,
    DiskFlush,
} DISK_ACTION;

/** EXECUTE_SCSI: answers it, or says what the controller has to do. */
DISK_ACTION DiskExecute(const DISK *Disk, SCSI_REQUEST_BLOCK *Srb, TRANSFER *Transfer);

/** CHECK CONDITION with sense data. The SRB is not completed here. */
void DiskCheckCondition(SCSI_REQUEST_BLOCK *Srb, UCHAR SenseKey, UCHAR AdditionalSenseCode);

/** What a transfer or flush that the controller failed ends with. */
void DiskFailed(SCSI_REQUEST_BLOCK *Srb);

/** Fills `Field` with `Text`, padded with spaces. */
void DiskSetText(CHAR *Field, ULONG Length, const CHAR *Text, ULONG TextLength);

#endif

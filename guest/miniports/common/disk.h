// A disk as SCSI presents it: the commands that both miniports answer themselves, and how they read a transfer from a CDB.
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
    /** The disk accepts several requests at once. */
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
    /** The SRB has its data and its status. */
    DiskAnswered,
    /** Blocks have to move: see the TRANSFER. */
    DiskTransfer,
    DiskFlush,
} DISK_ACTION;

/** EXECUTE_SCSI: answers the SRB, or returns what the controller has to do. */
DISK_ACTION DiskExecute(const DISK *Disk, SCSI_REQUEST_BLOCK *Srb, TRANSFER *Transfer);

/** Sets CHECK CONDITION and sense data. The SRB is not completed here. */
void DiskCheckCondition(SCSI_REQUEST_BLOCK *Srb, UCHAR SenseKey, UCHAR AdditionalSenseCode);

/** The status of a transfer or flush that the controller failed. */
void DiskFailed(SCSI_REQUEST_BLOCK *Srb);

/** Fills `Field` with `Text`, padded with spaces. */
void DiskSetText(CHAR *Field, ULONG Length, const CHAR *Text, ULONG TextLength);

#endif

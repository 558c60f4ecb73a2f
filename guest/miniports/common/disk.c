// SCSI block commands of a disk: SPC-4 (INQUIRY, MODE SENSE, REPORT LUNS, TEST UNIT READY) and SBC-3 (READ, WRITE, READ
// CAPACITY, SYNCHRONIZE CACHE). No register is touched here, so both drivers share it.
#include "disk.h"

#define SCSIOP_TEST_UNIT_READY 0x00
#define SCSIOP_INQUIRY 0x12
#define SCSIOP_MODE_SENSE 0x1A
#define SCSIOP_START_STOP_UNIT 0x1B
#define SCSIOP_READ_CAPACITY 0x25
#define SCSIOP_READ 0x28
#define SCSIOP_WRITE 0x2A
#define SCSIOP_SYNCHRONIZE_CACHE 0x35
#define SCSIOP_MODE_SENSE10 0x5A
#define SCSIOP_READ16 0x88
#define SCSIOP_WRITE16 0x8A
#define SCSIOP_SYNCHRONIZE_CACHE16 0x91
#define SCSIOP_SERVICE_ACTION_IN16 0x9E
#define SERVICE_ACTION_READ_CAPACITY16 0x10
#define SCSIOP_REPORT_LUNS 0xA0

#define SENSE_BYTES 18
#define SENSE_KEY_MEDIUM_ERROR 0x03
#define SENSE_KEY_HARDWARE_ERROR 0x04
#define SENSE_KEY_ILLEGAL_REQUEST 0x05
#define SENSE_KEY_DATA_PROTECT 0x07
#define ASC_WRITE_ERROR 0x0C
#define ASC_UNRECOVERED_READ_ERROR 0x11
#define ASC_INVALID_COMMAND 0x20
#define ASC_LBA_OUT_OF_RANGE 0x21
#define ASC_INVALID_FIELD_IN_CDB 0x24
#define ASC_WRITE_PROTECTED 0x27
#define ASC_INTERNAL_TARGET_FAILURE 0x44

static ULONG BigEndian16(const UCHAR *At) { return (ULONG)At[0] << 8 | At[1]; }
static ULONG BigEndian32(const UCHAR *At) { return BigEndian16(At) << 16 | BigEndian16(At + 2); }
static ULONG64 BigEndian64(const UCHAR *At) { return (ULONG64)BigEndian32(At) << 32 | BigEndian32(At + 4); }

static void PutBigEndian32(UCHAR *At, ULONG Value) {
    At[0] = (UCHAR)(Value >> 24);
    At[1] = (UCHAR)(Value >> 16);
    At[2] = (UCHAR)(Value >> 8);
    At[3] = (UCHAR)Value;
}

static void Succeed(SCSI_REQUEST_BLOCK *Srb) {
    SrbSetScsiStatus(Srb, SCSISTAT_GOOD);
    Srb->SrbStatus = SRB_STATUS_SUCCESS;
}

void DiskCheckCondition(SCSI_REQUEST_BLOCK *Srb, UCHAR SenseKey, UCHAR AdditionalSenseCode) {
    SrbSetScsiStatus(Srb, SCSISTAT_CHECK_CONDITION);
    Srb->SrbStatus = SRB_STATUS_ERROR;
    UCHAR *sense = SrbGetSenseBuffer(Srb, SENSE_BYTES);
    if (sense == NULL) return;
    memset(sense, 0, SENSE_BYTES);
    sense[0] = 0x70; // fixed format, current error
    sense[2] = SenseKey;
    sense[7] = SENSE_BYTES - 8;
    sense[12] = AdditionalSenseCode;
    Srb->SrbStatus = SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID;
}

void DiskFailed(SCSI_REQUEST_BLOCK *Srb) {
    const UCHAR *cdb = SrbGetFunction(Srb) == SRB_FUNCTION_EXECUTE_SCSI ? SrbGetCdb(Srb) : NULL;
    switch (cdb == NULL ? -1 : cdb[0]) {
    case SCSIOP_READ:
    case SCSIOP_READ16:
        DiskCheckCondition(Srb, SENSE_KEY_MEDIUM_ERROR, ASC_UNRECOVERED_READ_ERROR);
        break;
    case SCSIOP_WRITE:
    case SCSIOP_WRITE16:
        DiskCheckCondition(Srb, SENSE_KEY_MEDIUM_ERROR, ASC_WRITE_ERROR);
        break;
    default:
        DiskCheckCondition(Srb, SENSE_KEY_HARDWARE_ERROR, ASC_INTERNAL_TARGET_FAILURE);
    }
}

/** Returns the data of a command that needs no disk: as many bytes as the SRB has room for. */
static DISK_ACTION Answer(SCSI_REQUEST_BLOCK *Srb, const UCHAR *Data, ULONG Length) {
    ULONG room = SrbGetDataTransferLength(Srb);
    if (room < Length) Length = room;
    if (Length > 0) memcpy(SrbGetDataBuffer(Srb), Data, Length);
    SrbSetDataTransferLength(Srb, Length);
    Succeed(Srb);
    return DiskAnswered;
}

static DISK_ACTION Refuse(SCSI_REQUEST_BLOCK *Srb, UCHAR AdditionalSenseCode) {
    DiskCheckCondition(Srb, SENSE_KEY_ILLEGAL_REQUEST, AdditionalSenseCode);
    return DiskAnswered;
}

static DISK_ACTION Inquiry(const DISK *Disk, SCSI_REQUEST_BLOCK *Srb, const UCHAR *Cdb) {
    UCHAR data[36];
    memset(data, 0, sizeof(data));
    if ((Cdb[1] & 1) == 0) {
        if (Cdb[2] != 0) return Refuse(Srb, ASC_INVALID_FIELD_IN_CDB);
        data[2] = 5; // SPC-3
        data[3] = 2;
        data[4] = sizeof(data) - 5;
        data[7] = Disk->CommandQueuing ? 2 : 0;
        memcpy(data + 8, Disk->VendorId, sizeof(Disk->VendorId));
        memcpy(data + 16, Disk->ProductId, sizeof(Disk->ProductId));
        memcpy(data + 32, Disk->Revision, sizeof(Disk->Revision));
        return Answer(Srb, data, sizeof(data));
    }
    data[1] = Cdb[2];
    switch (Cdb[2]) {
    case 0x00: // supported pages
        data[3] = 2;
        data[5] = 0x80;
        break;
    case 0x80: // unit serial number
        data[3] = sizeof(Disk->SerialNumber);
        memcpy(data + 4, Disk->SerialNumber, sizeof(Disk->SerialNumber));
        break;
    default:
        return Refuse(Srb, ASC_INVALID_FIELD_IN_CDB);
    }
    return Answer(Srb, data, 4 + data[3]);
}

static DISK_ACTION ReadCapacity(const DISK *Disk, SCSI_REQUEST_BLOCK *Srb) {
    UCHAR data[8];
    ULONG64 last = Disk->BlockCount - 1;
    PutBigEndian32(data, last > 0xFFFFFFFF ? 0xFFFFFFFF : (ULONG)last);
    PutBigEndian32(data + 4, Disk->BlockBytes);
    return Answer(Srb, data, sizeof(data));
}

static DISK_ACTION ReadCapacity16(const DISK *Disk, SCSI_REQUEST_BLOCK *Srb, const UCHAR *Cdb) {
    UCHAR data[32];
    ULONG64 last = Disk->BlockCount - 1;
    if ((Cdb[1] & 0x1F) != SERVICE_ACTION_READ_CAPACITY16) return Refuse(Srb, ASC_INVALID_FIELD_IN_CDB);
    memset(data, 0, sizeof(data));
    PutBigEndian32(data, (ULONG)(last >> 32));
    PutBigEndian32(data + 4, (ULONG)last);
    PutBigEndian32(data + 8, Disk->BlockBytes);
    data[13] = Disk->PhysicalBlockExponent;
    return Answer(Srb, data, sizeof(data));
}

/** Returns a header, and the caching page if it was asked for. */
static DISK_ACTION ModeSense(const DISK *Disk, SCSI_REQUEST_BLOCK *Srb, const UCHAR *Cdb) {
    UCHAR data[8 + 20];
    ULONG header = Cdb[0] == SCSIOP_MODE_SENSE ? 4 : 8;
    UCHAR page = Cdb[2] & 0x3F;
    ULONG length = header;
    memset(data, 0, sizeof(data));
    if (page == 0x08 || page == 0x3F) {
        data[header] = 0x08;
        data[header + 1] = 18;
        data[header + 2] = Disk->WriteCache ? 4 : 0; // WCE
        length += 20;
    } else if (page != 0) {
        return Refuse(Srb, ASC_INVALID_FIELD_IN_CDB);
    }
    data[header == 4 ? 0 : 1] = (UCHAR)(length - (header == 4 ? 1 : 2));
    data[header == 4 ? 2 : 3] = Disk->ReadOnly ? 0x80 : 0;
    return Answer(Srb, data, length);
}

static DISK_ACTION ReportLuns(SCSI_REQUEST_BLOCK *Srb) {
    UCHAR data[16];
    memset(data, 0, sizeof(data));
    data[3] = 8; // one logical unit: number 0
    return Answer(Srb, data, sizeof(data));
}

static DISK_ACTION ReadWrite(const DISK *Disk, SCSI_REQUEST_BLOCK *Srb, const UCHAR *Cdb, TRANSFER *Transfer) {
    BOOLEAN is16 = Cdb[0] == SCSIOP_READ16 || Cdb[0] == SCSIOP_WRITE16;
    Transfer->Write = Cdb[0] == SCSIOP_WRITE || Cdb[0] == SCSIOP_WRITE16;
    Transfer->Lba = is16 ? BigEndian64(Cdb + 2) : BigEndian32(Cdb + 2);
    Transfer->Blocks = is16 ? BigEndian32(Cdb + 10) : BigEndian16(Cdb + 7);
    if (Transfer->Lba > Disk->BlockCount || Transfer->Blocks > Disk->BlockCount - Transfer->Lba) {
        return Refuse(Srb, ASC_LBA_OUT_OF_RANGE);
    }
    if (SrbGetDataTransferLength(Srb) != (ULONG64)Transfer->Blocks * Disk->BlockBytes) {
        return Refuse(Srb, ASC_INVALID_FIELD_IN_CDB);
    }
    if (Transfer->Write && Disk->ReadOnly) {
        DiskCheckCondition(Srb, SENSE_KEY_DATA_PROTECT, ASC_WRITE_PROTECTED);
        return DiskAnswered;
    }
    if (Transfer->Blocks > 0) return DiskTransfer;
    Succeed(Srb);
    return DiskAnswered;
}

DISK_ACTION DiskExecute(const DISK *Disk, SCSI_REQUEST_BLOCK *Srb, TRANSFER *Transfer) {
    const UCHAR *cdb = SrbGetCdb(Srb);
    ULONG address = SrbGetAddress(Srb);
    if (address != 0) {
        Srb->SrbStatus = address < 0x100 ? SRB_STATUS_INVALID_LUN : SRB_STATUS_NO_DEVICE;
        return DiskAnswered;
    }
    if (cdb == NULL) {
        Srb->SrbStatus = SRB_STATUS_INVALID_REQUEST;
        return DiskAnswered;
    }
    switch (cdb[0]) {
    case SCSIOP_READ:
    case SCSIOP_WRITE:
    case SCSIOP_READ16:
    case SCSIOP_WRITE16:
        return ReadWrite(Disk, Srb, cdb, Transfer);
    case SCSIOP_SYNCHRONIZE_CACHE:
    case SCSIOP_SYNCHRONIZE_CACHE16:
        return DiskFlush;
    case SCSIOP_TEST_UNIT_READY:
    case SCSIOP_START_STOP_UNIT:
        Succeed(Srb);
        return DiskAnswered;
    case SCSIOP_INQUIRY:
        return Inquiry(Disk, Srb, cdb);
    case SCSIOP_READ_CAPACITY:
        return ReadCapacity(Disk, Srb);
    case SCSIOP_SERVICE_ACTION_IN16:
        return ReadCapacity16(Disk, Srb, cdb);
    case SCSIOP_MODE_SENSE:
    case SCSIOP_MODE_SENSE10:
        return ModeSense(Disk, Srb, cdb);
    case SCSIOP_REPORT_LUNS:
        return ReportLuns(Srb);
    default:
        return Refuse(Srb, ASC_INVALID_COMMAND);
    }
}

void DiskSetText(CHAR *Field, ULONG Length, const CHAR *Text, ULONG TextLength) {
    for (ULONG i = 0; i < Length; i++) Field[i] = i < TextLength && Text[i] >= ' ' ? Text[i] : ' ';
}

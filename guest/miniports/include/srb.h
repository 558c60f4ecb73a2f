// One set of accessors for both kinds of request: SCSI_REQUEST_BLOCK, and STORAGE_REQUEST_BLOCK since Windows 8. Which one a
// port sends follows from SrbTypeFlags of HW_INITIALIZATION_DATA; Function at offset 2 tells them apart.
#ifndef SRB_H
#define SRB_H
#include "storport.h"

static inline BOOLEAN SrbIsExtended(const SCSI_REQUEST_BLOCK *Srb) {
    return Srb->Function == SRB_FUNCTION_STORAGE_REQUEST_BLOCK;
}

static inline STORAGE_REQUEST_BLOCK *SrbEx(const SCSI_REQUEST_BLOCK *Srb) { return (STORAGE_REQUEST_BLOCK *)Srb; }

/** The SCSI part of an extended request; NULL for functions that have none. */
static inline SRBEX_DATA_SCSI_CDB16 *SrbScsiData(const SCSI_REQUEST_BLOCK *Srb) {
    STORAGE_REQUEST_BLOCK *ex = SrbEx(Srb);
    for (ULONG i = 0; i < ex->NumSrbExData; i++) {
        ULONG offset = ex->SrbExDataOffset[i];
        if (offset < offsetof(STORAGE_REQUEST_BLOCK, SrbExDataOffset) || offset >= ex->SrbLength) continue;
        SRBEX_DATA_SCSI_CDB16 *data = (SRBEX_DATA_SCSI_CDB16 *)((UCHAR *)ex + offset);
        // a CDB of 32 bytes begins in the same way
        if (data->Type == SRBEX_DATA_TYPE_SCSI_CDB16 || data->Type == SRBEX_DATA_TYPE_SCSI_CDB32) return data;
    }
    return NULL;
}

static inline ULONG SrbGetFunction(const SCSI_REQUEST_BLOCK *Srb) {
    return SrbIsExtended(Srb) ? SrbEx(Srb)->SrbFunction : Srb->Function;
}

static inline ULONG SrbGetFlags(const SCSI_REQUEST_BLOCK *Srb) {
    return SrbIsExtended(Srb) ? SrbEx(Srb)->SrbFlags : Srb->SrbFlags;
}

static inline void *SrbGetExtension(const SCSI_REQUEST_BLOCK *Srb) {
    return SrbIsExtended(Srb) ? SrbEx(Srb)->MiniportContext : Srb->SrbExtension;
}

static inline void *SrbGetDataBuffer(const SCSI_REQUEST_BLOCK *Srb) {
    return SrbIsExtended(Srb) ? SrbEx(Srb)->DataBuffer : Srb->DataBuffer;
}

static inline ULONG SrbGetDataTransferLength(const SCSI_REQUEST_BLOCK *Srb) {
    return SrbIsExtended(Srb) ? SrbEx(Srb)->DataTransferLength : Srb->DataTransferLength;
}

static inline void SrbSetDataTransferLength(SCSI_REQUEST_BLOCK *Srb, ULONG Length) {
    if (SrbIsExtended(Srb)) SrbEx(Srb)->DataTransferLength = Length;
    else Srb->DataTransferLength = Length;
}

/** NULL when the request carries no CDB. */
static inline const UCHAR *SrbGetCdb(const SCSI_REQUEST_BLOCK *Srb) {
    if (!SrbIsExtended(Srb)) return Srb->Cdb;
    SRBEX_DATA_SCSI_CDB16 *data = SrbScsiData(Srb);
    return data == NULL ? NULL : data->Cdb;
}

/** Path, target and logical unit, one byte each: 0 is the only disk that a miniport of ours has. */
static inline ULONG SrbGetAddress(const SCSI_REQUEST_BLOCK *Srb) {
    if (!SrbIsExtended(Srb)) return (ULONG)Srb->PathId << 16 | (ULONG)Srb->TargetId << 8 | Srb->Lun;
    STOR_ADDR_BTL8 *address = (STOR_ADDR_BTL8 *)((UCHAR *)Srb + SrbEx(Srb)->AddressOffset);
    return (ULONG)address->Path << 16 | (ULONG)address->Target << 8 | address->Lun;
}

static inline void SrbSetScsiStatus(SCSI_REQUEST_BLOCK *Srb, UCHAR Status) {
    if (!SrbIsExtended(Srb)) {
        Srb->ScsiStatus = Status;
        return;
    }
    SRBEX_DATA_SCSI_CDB16 *data = SrbScsiData(Srb);
    if (data != NULL) data->ScsiStatus = Status;
}

/** Where sense data go; NULL when the request has no room for `Length` bytes or wants none. */
static inline UCHAR *SrbGetSenseBuffer(const SCSI_REQUEST_BLOCK *Srb, ULONG Length) {
    if ((SrbGetFlags(Srb) & SRB_FLAGS_DISABLE_AUTOSENSE) != 0) return NULL;
    if (!SrbIsExtended(Srb)) return Srb->SenseInfoBufferLength < Length ? NULL : Srb->SenseInfoBuffer;
    SRBEX_DATA_SCSI_CDB16 *data = SrbScsiData(Srb);
    return data == NULL || data->SenseInfoBufferLength < Length ? NULL : data->SenseInfoBuffer;
}

static inline void SrbComplete(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb, UCHAR SrbStatus) {
    Srb->SrbStatus = SrbStatus; // at the same offset in both
    StorPortNotification(RequestComplete, DeviceExtension, Srb);
}

#endif

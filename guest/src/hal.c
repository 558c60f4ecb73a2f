// hal.dll of build 19041: its code has moved into the kernel, and its exports are forwarders (hal.def).
#include "io.h"

BOOLEAN HalInitSystemForwarded(ULONG Phase);

/** Phase 0 only records that it was called: the kernel does the work. */
static ULONG HalpPhase = ~0ul;

NOINLINE BOOLEAN HalInitSystemForwarded(ULONG Phase) {
    if (Phase > 1 || (Phase == 1 && HalpPhase != 0)) return FALSE;
    HalpPhase = Phase;
    return TRUE;
}

NTSTATUS DriverEntry(DRIVER_OBJECT *DriverObject, UNICODE_STRING *RegistryPath) {
    (void)DriverObject;
    (void)RegistryPath;
    return HalInitSystemForwarded(0) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

// Stub images carry real imports, exports and frames for the module lists, stacks and import tables of a dump. What their
// drivers do is modelled outside the guest: a routine that is run prints that it is a stub, and fails.
#ifndef SYNTHETIC_H
#define SYNTHETIC_H
#include "io.h"

#define IMPORT __declspec(dllimport)
#define EXPORT __declspec(dllexport) __attribute__((noinline))

IMPORT ULONG DbgPrint(const char *Format, ...);

static NOINLINE NTSTATUS SyntheticRoutine(const char *Name) {
    DbgPrint("synthetic image: this routine is modelled outside the guest: ");
    DbgPrint(Name);
    return STATUS_NOT_IMPLEMENTED;
}

#define SYNTHETIC(name) \
    EXPORT NTSTATUS name(void) { return SyntheticRoutine(#name); }

#endif

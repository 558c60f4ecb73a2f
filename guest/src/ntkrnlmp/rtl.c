// Run-time routines that drivers import from the kernel.
#include "kernel.h"

NOINLINE void *memcpy(void *Destination, const void *Source, ULONG64 Length) {
    void *to = Destination;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(Source), "+c"(Length) : : "memory");
    return Destination;
}

NOINLINE void *memmove(void *Destination, const void *Source, ULONG64 Length) {
    UCHAR *to = Destination;
    const UCHAR *from = Source;
    if (to <= from || to >= from + Length) return memcpy(Destination, Source, Length);
    while (Length-- > 0) ((volatile UCHAR *)to)[Length] = from[Length];
    return Destination;
}

NOINLINE void *memset(void *Destination, int Value, ULONG64 Length) {
    void *to = Destination;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(Length) : "a"(Value) : "memory");
    return Destination;
}

NOINLINE int strncmp(const char *First, const char *Second, ULONG64 Count) {
    for (; Count > 0; Count--, First++, Second++) {
        if (*First != *Second) return (UCHAR)*First - (UCHAR)*Second;
        if (*First == 0) break;
    }
    return 0;
}

NOINLINE void RtlInitUnicodeString(UNICODE_STRING *DestinationString, WCHAR *SourceString) {
    ULONG length = 0;
    while (SourceString != NULL && SourceString[length] != 0) length++;
    DestinationString->Buffer = SourceString;
    DestinationString->Length = (USHORT)(length * sizeof(WCHAR));
    DestinationString->MaximumLength = (USHORT)((length + 1) * sizeof(WCHAR));
}

extern char *KdPrintCircularBuffer, *KdPrintWritePointer;
extern ULONG KdPrintRolloverCount, KdPrintBufferSize;

/** Keeps the format as it is, for `!dbgprint`: the arguments are not formatted. */
NOINLINE ULONG DbgPrint(const char *Format, ...) {
    char *end = KdPrintCircularBuffer + KdPrintBufferSize;
    for (const char *from = Format; *from != 0; from++) {
        if (KdPrintWritePointer == end) {
            KdPrintWritePointer = KdPrintCircularBuffer;
            KdPrintRolloverCount++;
        }
        *KdPrintWritePointer++ = *from;
    }
    return 0;
}

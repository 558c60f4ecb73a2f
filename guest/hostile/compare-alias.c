// RtlCompareMemory of 50 TiB with itself, page by page the same.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    UCHAR *memory = AliasedMemory();
    RtlCompareMemory(memory, memory + 0x1000, ALIASED_BYTES - 0x1000);
}

// rep stosb with a count of 50 TiB.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    UCHAR *to = AliasedMemory();
    ULONG64 count = ALIASED_BYTES;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0) : "memory");
}

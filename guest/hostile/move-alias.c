// memcpy and rep movsb over 50 TiB: the import, and the processor's own.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    UCHAR *to = AliasedMemory();
    UCHAR *from = Room;
    ULONG64 count = ALIASED_BYTES;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(to), "+c"(count) : "D"(to), "S"(to + 64) : "memory");
    memcpy(to, from, ALIASED_BYTES);
}

// RtlFillMemory over 50 TiB of addresses that show one page.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    RtlFillMemory(AliasedMemory(), ALIASED_BYTES, 0xCC);
}

// Page tables that name each other at each level: a walk over all of them visits 512^3 tables. The driver continues.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    AliasedMemory();
    for (ULONG i = 0; i < ENTRIES; i++) Tables[2][i] = PhysicalOf(Tables[1]) | PRESENT_AND_WRITABLE;
    for (ULONG i = 0; i < ENTRIES; i++) Tables[1][i] = PhysicalOf(Tables[2]) | PRESENT_AND_WRITABLE;
}

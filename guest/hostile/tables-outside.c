// Page tables that lie where no RAM is, in unused places. The driver continues.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    volatile ULONG64 *root = RootTable();
    ULONG slot = ENTRIES / 2;
    while ((root[slot] & 1) != 0) slot++; // there is one
    root[slot] = 0x000000FFFFFFF000ull | PRESENT_AND_WRITABLE;
    ForgetTranslations();
}

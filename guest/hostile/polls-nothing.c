// Reads where neither RAM nor a device is, each time at another page.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    volatile ULONG64 *root = RootTable();
    ULONG slot = ENTRIES / 2;
    while ((root[slot] & 1) != 0) slot++; // there is one
    Tables[0][0] = PhysicalOf(Tables[1]) | PRESENT_AND_WRITABLE;
    Tables[1][0] = PhysicalOf(Tables[2]) | PRESENT_AND_WRITABLE;
    for (ULONG64 i = 0; i < ENTRIES; i++) Tables[2][i] = 0xFD000000ull | i << 12 | PRESENT_AND_WRITABLE;
    root[slot] = PhysicalOf(Tables[0]) | PRESENT_AND_WRITABLE;
    ForgetTranslations();
    volatile UCHAR *window = (volatile UCHAR *)(0xFFFF000000000000ull | (ULONG64)slot << 39);
    for (ULONG64 i = 0;; i++) (void)window[i % ENTRIES << 12 | i % 0xFFF];
}

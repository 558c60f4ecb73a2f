// Writes to each page of RAM, by page tables of its own, and goes on: in a dump, each page that changes is kept as it was.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    volatile ULONG64 *root = RootTable();
    ULONG slot = ENTRIES / 2;
    while ((root[slot] & 1) != 0) slot++; // there is one
    volatile UCHAR *window = (volatile UCHAR *)(0xFFFF000000000000ull | (ULONG64)slot << 39);
    Tables[0][0] = PhysicalOf(Tables[1]) | PRESENT_AND_WRITABLE;
    Tables[0][1] = PhysicalOf(Tables[2]) | PRESENT_AND_WRITABLE;
    for (ULONG i = 0; i < ENTRIES; i++) {
        Tables[1][i] = (ULONG64)i << 21 | 0x83; // large pages: the first GiB, and the one from 4 GiB on
        Tables[2][i] = 0x100000000ull | (ULONG64)i << 21 | 0x83;
    }
    root[slot] = PhysicalOf(Tables[0]) | PRESENT_AND_WRITABLE;
    ForgetTranslations();
    for (ULONG64 at = 0; at < 0x80000000ull; at += 0x1000) window[at + 0xFFF] ^= 0;
}

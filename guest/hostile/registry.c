// Values of 64 KiB under names of 64 KiB, as many as there can be.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    memset(Room, 'n', 0xFFF0);
    for (ULONG n = 0;; n++) {
        *(volatile ULONG *)Room = n | 0x01010101;
        StorPortRegistryWrite(At->Extension, Room, 1, 1, Room, 0x10000);
    }
}

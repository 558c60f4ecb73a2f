// strstr at its worst: 64 KiB of one letter, and a part of it that ends in another.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    memset(Room, 'a', 0xFFF0);
    memset(Room + 0x10000, 'a', 0x7FF0);
    Room[0x10000 + 0x7FF0] = 'b';
    FOREVER strstr((CHAR *)Room, (CHAR *)Room + 0x10000);
}

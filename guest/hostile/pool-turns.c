// Pool, given back each time, for ever: nothing leaks, nothing ends.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    FOREVER {
        void *block = ExAllocatePoolWithTag(0x200, 0x100000, 'tsoH');
        ExFreePoolWithTag(block, 'tsoH');
    }
}

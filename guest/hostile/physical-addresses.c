// Asks for the physical address of everything, mapped or not.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    ULONG length;
    for (ULONG64 va = 0;; va += 0x7FFFF001) StorPortGetPhysicalAddress(At->Extension, NULL, (void *)va, &length);
}

// Locks that are taken with another handle each time, and never released.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    FOREVER for (ULONG i = 0; i + 0x20 <= ROOM; i += 0x10) {
        StorPortNotification(AcquireSpinLock, At->Extension, (ULONG64)3, NULL, Room + i);
        StorPortNotification(AcquireSpinLock, At->Extension, (ULONG64)3, NULL, (UCHAR *)Tables + i % sizeof(Tables));
    }
}

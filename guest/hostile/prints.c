// Messages and log entries without end.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    for (ULONG n = 0;; n++) {
        DbgPrint("hostile %u\n", n);
        StorPortDebugPrint(0, "hostile %u\n", n);
        StorPortLogError(At->Extension, NULL, 0, 0, 0, n, n);
    }
}

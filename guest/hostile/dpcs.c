// A DPC at each address that there is, and each of them queued.
#include "hostile.h"

static void Nothing(void) {}

void Attack(MOMENT_OF_ATTACK *At) {
    for (ULONG64 dpc = 0x10000;; dpc += 0x10) {
        StorPortNotification(InitializeDpc, At->Extension, dpc, Nothing);
        BOOLEAN queued;
        StorPortNotification(IssueDpc, At->Extension, dpc, NULL, NULL, &queued);
        StorPortNotification(IssueDpc, At->Extension, dpc + 8, NULL, NULL, &queued);
    }
}

// A DPC that queues itself, and does it with each interrupt.
#include "hostile.h"

static STOR_DPC Dpc;
static void Again(STOR_DPC *This, void *Extension, void *First, void *Second) {
    (void)First;
    (void)Second;
    for (volatile ULONG i = 0; i < 5000000; i++) {}
    BOOLEAN queued;
    StorPortNotification(IssueDpc, Extension, This, NULL, NULL, &queued);
}

void Attack(MOMENT_OF_ATTACK *At) {
    StorPortNotification(InitializeDpc, At->Extension, &Dpc, Again);
    BOOLEAN queued;
    StorPortNotification(IssueDpc, At->Extension, &Dpc, NULL, NULL, &queued);
    FOREVER StorPortStallExecution(1000);
}

// A DPC that queues itself, and does it with each interrupt.
#include "hostile.h"

static STOR_DPC Dpc;
static void Again(STOR_DPC *This, void *Extension, void *First, void *Second) {
    (void)First;
    (void)Second;
    for (volatile ULONG i = 0; i < 5000000; i++) {}
    StorPortNotification(IssueDpc, Extension, This, NULL, NULL);
}

void Attack(MOMENT_OF_ATTACK *At) {
    StorPortNotification(InitializeDpc, At->Extension, &Dpc, Again);
    StorPortNotification(IssueDpc, At->Extension, &Dpc, NULL, NULL);
    FOREVER StorPortStallExecution(1000);
}

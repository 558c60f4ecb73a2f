// A timer that works for a while and sets itself anew, and requests that are never completed meanwhile.
#include "hostile.h"

static void Tick(void *Extension) {
    for (volatile ULONG i = 0; i < 10000000; i++) {}
    StorPortNotification(RequestTimerCall, Extension, Tick, (ULONG64)1);
}

void Attack(MOMENT_OF_ATTACK *At) {
    ADAPTER *adapter = At->Extension;
    StorPortNotification(RequestTimerCall, At->Extension, Tick, (ULONG64)1);
    StorPortWriteRegisterUlong(adapter->Hba + AHCI_GHC, GHC_AE); // no interrupt comes any more
}

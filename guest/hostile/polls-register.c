// Reads one register for ever, without a stall.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    ADAPTER *adapter = At->Extension;
    FOREVER StorPortReadRegisterUlong(adapter->Hba + AHCI_CAP);
}

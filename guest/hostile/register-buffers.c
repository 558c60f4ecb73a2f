// Reads a register 65536 times in one call, for ever.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    ADAPTER *adapter = At->Extension;
    FOREVER StorPortReadRegisterBufferUchar(adapter, (void *)adapter->Hba, Room, 0x1000);
}

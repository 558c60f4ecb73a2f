// An interrupt that is never acknowledged: the controller's line stays up, and the driver says that it was its own.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    ADAPTER *adapter = At->Extension;
    for (;;) {
        WritePort(adapter, PxCI, 1);
        StorPortStallExecution(1000000);
    }
}

// RequestComplete of a request that never was, another each time: each is a finding of its own.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    for (ULONG64 srb = 0x1000;; srb += 0x100) StorPortNotification(RequestComplete, At->Extension, srb);
}

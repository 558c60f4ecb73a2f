// The same request completed again and again.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    FOREVER StorPortNotification(RequestComplete, At->Extension, At->Srb);
}

// RequestComplete of no request, for ever.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    FOREVER StorPortNotification(RequestComplete, At->Extension, NULL);
}

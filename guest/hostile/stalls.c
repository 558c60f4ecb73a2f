// Stalls of more than an hour, one after the other.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    FOREVER StorPortStallExecution(0xFFFFFFFF);
}

// Reads the time for ever: nothing happens in between.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    LARGE_INTEGER now;
    FOREVER StorPortQuerySystemTime(&now);
}

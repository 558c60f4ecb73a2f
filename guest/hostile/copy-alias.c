// strncpy of one character, filled up to 50 TiB.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    strncpy((CHAR *)AliasedMemory(), "x", ALIASED_BYTES);
}

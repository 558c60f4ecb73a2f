// strtol and atoi of 64 thousand digits, for ever.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    memset(Room, '9', 0xFFF0);
    FOREVER {
        strtol((CHAR *)Room, NULL, 10);
        atoi((CHAR *)Room);
    }
}

// The same text into 16 bytes, for ever: nearly all of it is not made.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    CHAR *format = (CHAR *)Room;
    CHAR small[16];
    for (ULONG i = 0; i + 6 < 0xFF00; i += 6) memcpy(format + i, "%4096d", 6);
    FOREVER _snprintf(small, sizeof(small), format, 1);
}

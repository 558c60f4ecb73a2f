// Text of thousands of conversions that are 4096 characters wide: 40 MB of 64 KiB.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    CHAR *format = (CHAR *)Room;
    ULONG64 length = 0;
    while (length < 0xFF00) {
        static const CHAR Wide[] = "%4096d";
        for (ULONG i = 0; i < sizeof(Wide) - 1; i++) format[length++] = Wide[i];
    }
    format[length] = 0;
    FOREVER sprintf((CHAR *)AliasedMemory(), format, 1);
}

// Text of thousands of strings that have 64 KiB each, by a list of arguments that are all the same.
#include "hostile.h"

static CHAR Long[0x10000];
static void *Arguments[0x8000];

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    CHAR *format = (CHAR *)Room;
    for (ULONG i = 0; i < 0xFF00; i += 2) {
        format[i] = '%';
        format[i + 1] = 's';
    }
    memset(Long, 'x', sizeof(Long) - 1);
    for (ULONG i = 0; i < 0x8000; i++) Arguments[i] = Long;
    FOREVER _vsnprintf((CHAR *)AliasedMemory(), 0x7FFFFFFF, format, Arguments);
}

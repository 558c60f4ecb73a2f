// Code that changes the code that runs next, for ever.
#include "hostile.h"

__attribute__((section(".rwx"), aligned(0x1000))) static UCHAR Code[0x1000] = { 0xB8, 0, 0, 0, 0, 0xC3 }; // mov eax, n; ret

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    ULONG (*run)(void) = (ULONG(*)(void))(void *)Code;
    for (ULONG n = 0;; n++) {
        *(volatile ULONG *)(Code + 1) = n;
        run();
    }
}

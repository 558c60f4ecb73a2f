// Megabytes of code that is run once: jumps from one block to the next, each other than all before.
#include "hostile.h"

__attribute__((section(".rwx"), aligned(0x1000))) static UCHAR Code[0x400000];

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    for (ULONG round = 0;; round++) {
        ULONG at = 0;
        // mov eax, n; jmp over one byte
        for (ULONG n = 0; at + 16 < sizeof(Code); n++) {
            Code[at] = 0xB8;
            *(volatile ULONG *)(Code + at + 1) = n * 2654435761u + round;
            Code[at + 5] = 0xEB;
            Code[at + 6] = 1;
            at += 8;
        }
        Code[at] = 0xC3;
        ((void (*)(void))(void *)Code)();
    }
}

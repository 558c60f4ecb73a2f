// Code that is run just often enough to be compiled for speed, and then changed.
#include "hostile.h"

__attribute__((section(".rwx"), aligned(0x1000))) static UCHAR Code[0x20000];

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    for (ULONG round = 0;; round++) {
        for (ULONG at = 0; at < sizeof(Code); at += 256) {
            ULONG end = at;
            for (ULONG n = 0; n < 40; n++) {
                Code[end] = 0x05; // add eax, n
                *(volatile ULONG *)(Code + end + 1) = n + round * 7919 + at;
                end += 5;
            }
            Code[end] = 0xC3;
            for (ULONG i = 0; i < 210; i++) ((void (*)(void))(void *)(Code + at))();
        }
    }
}

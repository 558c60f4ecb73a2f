// The idle loop of a processor: the frames that an idle processor shows in every dump.
#include "kernel.h"

NOINLINE void HalProcessorIdle(void) {
    __asm__ volatile("sti\n\thlt" : : : "memory");
    KeGetCurrentPrcb()->InterruptCount++;
}

NOINLINE ULONG PpmIdleDefaultExecute(struct _KPRCB *Prcb, ULONG64 StartCycles) {
    HalProcessorIdle();
    Prcb->CycleTime += StartCycles;
    return 0;
}

NOINLINE void PpmIdleExecuteTransition(struct _KPRCB *Prcb, ULONG64 *Residency) {
    ULONG low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    ULONG64 start = ((ULONG64)high << 32) | low;
    PpmIdleDefaultExecute(Prcb, start);
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    *Residency += (((ULONG64)high << 32) | low) - start;
}

NOINLINE void PoIdle(struct _KPRCB *Prcb) {
    ULONG64 residency = 0;
    Prcb->IdleHalt = TRUE;
    PpmIdleExecuteTransition(Prcb, &residency);
    Prcb->IdleHalt = FALSE;
    Prcb->StartCycles += residency;
}

NOINLINE void KiIdleLoop(void) {
    struct _KPRCB *prcb = KeGetCurrentPrcb();
    for (;;) {
        if (prcb->NextThread != NULL) KiSwapThread(prcb->IdleThread, prcb);
        PoIdle(prcb);
    }
}

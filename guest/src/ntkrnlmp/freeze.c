// Stopping the other processors: an interprocessor interrupt makes each save its state and wait until it is told to run.
#include "kernel.h"

/** Asks every other processor to stop and waits, a bounded time, until it has. */
NOINLINE void KiSendFreeze(void) {
    struct _KPRCB *self = KeGetCurrentPrcb();
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        struct _KPRCB *target = KiProcessorBlock[i];
        if (target == NULL || target == self) continue;
        target->IpiFrozen = TARGET_FREEZE;
        HalRequestIpi(target->InitialApicId, IPI_VECTOR);
    }
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        volatile struct _KPRCB *target = KiProcessorBlock[i];
        if (target == NULL || target == self) continue;
        // A processor that does not answer must not keep the dump from being written.
        for (ULONG wait = 0; target->IpiFrozen == TARGET_FREEZE && wait < 5000; wait++) KeStallExecutionProcessor(1000);
    }
}

NOINLINE void KiFreezeTargetExecution(struct _KTRAP_FRAME *TrapFrame) {
    volatile struct _KPRCB *prcb = KeGetCurrentPrcb();
    struct _CONTEXT *context = prcb->Context;
    RtlCaptureContext(context);
    if (TrapFrame != NULL) {
        context->Rip = TrapFrame->Rip;
        context->Rsp = TrapFrame->Rsp;
        context->Rbp = TrapFrame->Rbp;
        context->EFlags = TrapFrame->EFlags;
        context->SegCs = TrapFrame->SegCs;
        context->SegSs = TrapFrame->SegSs;
    }
    KiSaveProcessorControlState((struct _KPROCESSOR_STATE *)&prcb->ProcessorState);
    prcb->IpiFrozen = FROZEN;
    while (prcb->IpiFrozen != RUNNING) YieldProcessor();
}

/** What an interprocessor interrupt does: here the only request is to freeze. */
NOINLINE void KiIpiProcessRequests(struct _KTRAP_FRAME *TrapFrame) {
    struct _KPRCB *prcb = KeGetCurrentPrcb();
    KIRQL irql = KeGetCurrentIrql();
    if (prcb->IpiFrozen == TARGET_FREEZE) {
        KiSetIrql(HIGH_LEVEL);
        KiFreezeTargetExecution(TrapFrame);
        KiSetIrql(irql);
    }
    prcb->InterruptCount++;
}

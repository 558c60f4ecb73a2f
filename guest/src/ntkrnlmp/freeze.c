// Stopping the other processors: an interprocessor interrupt makes each save its state and wait until it is told to run.
#include "kernel.h"

/** Asks every other processor to stop and waits for it, for a bounded time. */
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

/** Records the interrupted context: the registers that the two frames keep, in place of those of this function. */
static void KiContextOfFrames(struct _CONTEXT *Context, const struct _KTRAP_FRAME *TrapFrame,
                              const struct _KEXCEPTION_FRAME *ExceptionFrame) {
    Context->Rip = TrapFrame->Rip;
    Context->Rsp = TrapFrame->Rsp;
    Context->EFlags = TrapFrame->EFlags;
    Context->SegCs = TrapFrame->SegCs;
    Context->SegSs = TrapFrame->SegSs;
    Context->Rax = TrapFrame->Rax;
    Context->Rcx = TrapFrame->Rcx;
    Context->Rdx = TrapFrame->Rdx;
    Context->R8 = TrapFrame->R8;
    Context->R9 = TrapFrame->R9;
    Context->R10 = TrapFrame->R10;
    Context->R11 = TrapFrame->R11;
    Context->Rbp = TrapFrame->Rbp;
    Context->Rbx = ExceptionFrame->Rbx;
    Context->Rdi = ExceptionFrame->Rdi;
    Context->Rsi = ExceptionFrame->Rsi;
    Context->R12 = ExceptionFrame->R12;
    Context->R13 = ExceptionFrame->R13;
    Context->R14 = ExceptionFrame->R14;
    Context->R15 = ExceptionFrame->R15;
}

/** A processor that called KeBugCheckEx second: it has no frames. */
NOINLINE void KiFreezeTargetExecution(struct _KTRAP_FRAME *TrapFrame, struct _KEXCEPTION_FRAME *ExceptionFrame) {
    struct _KPRCB *prcb = KeGetCurrentPrcb();
    struct _CONTEXT *context = prcb->Context;
    RtlCaptureContext(context);
    if (TrapFrame != NULL) KiContextOfFrames(context, TrapFrame, ExceptionFrame);
    KiSaveProcessorState(prcb);
    prcb->IpiFrozen = FROZEN;
    while (((volatile struct _KPRCB *)prcb)->IpiFrozen != RUNNING) YieldProcessor();
}

/** Handles an interprocessor interrupt: here the only request is to freeze. */
NOINLINE void KiIpiProcessRequests(struct _KTRAP_FRAME *TrapFrame, struct _KEXCEPTION_FRAME *ExceptionFrame) {
    struct _KPRCB *prcb = KeGetCurrentPrcb();
    KIRQL irql = KeGetCurrentIrql();
    if (prcb->IpiFrozen == TARGET_FREEZE) {
        KiRaiseToHighLevel();
        KiFreezeTargetExecution(TrapFrame, ExceptionFrame);
        KiSetIrql(irql);
    }
    prcb->InterruptCount++;
}

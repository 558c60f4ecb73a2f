// The crash: KeBugCheckEx -> KeBugCheck2 -> IoWriteCrashDump -> the broker's call table -> restart.
// Order and names: crashdmp.wordpress.com, "Post-initialization"; reference for the call table: W3 of the same site.
#include "kernel.h"

#define REBOOT_ROUTINE 3 // FIRMWARE_REENTRY HalRebootRoutine
/** CONTEXT_AMD64 with control, integer, segments, floating point and debug registers. */
#define CONTEXT_ALL 0x10001F

/** What crashdmp.sys fills in when it is loaded. unverified: order beyond Windows 7; a kernel of that build settles it. */
typedef struct _CRASHDMP_CALL_TABLE {
    ULONG MajorVersion;
    ULONG MinorVersion;
    void *Initialize;
    void *LoadDumpStack;
    void *InitDumpStack;
    void *FreeDumpStack;
    void *Disable;
    void *Notify;
    NTSTATUS (*Write)(void *DumpBlock, ULONG BugCheckCode, ULONG64 *Parameters, struct _CONTEXT *Context,
                      struct _KTHREAD *Thread);
    void *UpdatePhysicalRange;
} CRASHDMP_CALL_TABLE;

CRASHDMP_CALL_TABLE CrashdmpCallTable;
void *CrashdmpDumpBlock;
/** The status with which writing the dump ended; -1 if it was never begun. */
NTSTATUS IopFinalCrashDumpStatus = -1;

extern ULONG KiBugCheckActive;

/** Saves control registers, descriptor tables and debug registers, which no trap frame holds. */
NOINLINE void KiSaveProcessorControlState(struct _KPROCESSOR_STATE *ProcessorState) {
    KSPECIAL_REGISTERS *special = &ProcessorState->SpecialRegisters;
    __asm__ volatile("movq %%cr0, %0" : "=r"(special->Cr0));
    __asm__ volatile("movq %%cr2, %0" : "=r"(special->Cr2));
    __asm__ volatile("movq %%cr3, %0" : "=r"(special->Cr3));
    __asm__ volatile("movq %%cr4, %0" : "=r"(special->Cr4));
    __asm__ volatile("movq %%cr8, %0" : "=r"(special->Cr8));
    __asm__ volatile("movq %%dr0, %0" : "=r"(special->KernelDr0));
    __asm__ volatile("movq %%dr1, %0" : "=r"(special->KernelDr1));
    __asm__ volatile("movq %%dr2, %0" : "=r"(special->KernelDr2));
    __asm__ volatile("movq %%dr3, %0" : "=r"(special->KernelDr3));
    __asm__ volatile("movq %%dr6, %0" : "=r"(special->KernelDr6));
    __asm__ volatile("movq %%dr7, %0" : "=r"(special->KernelDr7));
    __asm__ volatile("sgdt %0" : "=m"(*(char(*)[10])&special->Gdtr.Limit));
    __asm__ volatile("sidt %0" : "=m"(*(char(*)[10])&special->Idtr.Limit));
    __asm__ volatile("str %0" : "=r"(special->Tr));
    __asm__ volatile("sldt %0" : "=r"(special->Ldtr));
    __asm__ volatile("stmxcsr %0" : "=m"(special->MxCsr));
    special->MsrGsBase = KiReadMsr(MSR_GS_BASE);
    special->MsrGsSwap = KiReadMsr(MSR_GS_SWAP);
    special->MsrStar = KiReadMsr(MSR_STAR);
    special->MsrLStar = KiReadMsr(MSR_LSTAR);
    special->MsrSyscallMask = KiReadMsr(MSR_SYSCALL_MASK);
    special->MsrFsBase = KiReadMsr(MSR_FS_BASE);
}

/** Stores the captured context in every place where debuggers look for it, with the registers that it leaves out. */
NOINLINE void KiSaveProcessorState(struct _KPRCB *Prcb) {
    struct _CONTEXT *context = Prcb->Context;
    KSPECIAL_REGISTERS *special = &Prcb->ProcessorState.SpecialRegisters;
    KiSaveProcessorControlState(&Prcb->ProcessorState);
    context->ContextFlags = CONTEXT_ALL;
    context->Dr0 = special->KernelDr0;
    context->Dr1 = special->KernelDr1;
    context->Dr2 = special->KernelDr2;
    context->Dr3 = special->KernelDr3;
    context->Dr6 = special->KernelDr6;
    context->Dr7 = special->KernelDr7;
    memcpy(&Prcb->ProcessorState.ContextFrame, context, sizeof(*context));
}

/** KeBugCheckEx (trap.S) calls this after it has captured the context of its caller. */
NOINLINE void KeBugCheck2(ULONG BugCheckCode, ULONG64 P1, ULONG64 P2, ULONG64 P3, ULONG64 P4,
                          struct _KTRAP_FRAME *TrapFrame) {
    struct _KPRCB *prcb = KeGetCurrentPrcb();
    ULONG64 parameters[4] = { P1, P2, P3, P4 };
    __asm__ volatile("cli");
    prcb->DebuggerSavedIRQL = KeGetCurrentIrql();
    if (TrapFrame != NULL) prcb->Context->Rip = TrapFrame->Rip;
    KiSaveProcessorState(prcb);
    // The first processor to arrive writes the dump; any other waits to be frozen.
    if (__atomic_exchange_n(&KiBugCheckActive, 1, __ATOMIC_SEQ_CST) != 0) KiFreezeTargetExecution(NULL, NULL);
    KiBugCheckData[0] = BugCheckCode;
    for (ULONG i = 0; i < 4; i++) KiBugCheckData[i + 1] = parameters[i];
    KiRaiseToHighLevel();
    KiSendFreeze();
    IoWriteCrashDump(BugCheckCode, parameters[0], parameters[1], parameters[2], parameters[3], prcb->Context,
                     prcb->CurrentThread);
    HalReturnToFirmware(REBOOT_ROUTINE);
}

NOINLINE BOOLEAN IoWriteCrashDump(ULONG BugCheckCode, ULONG64 P1, ULONG64 P2, ULONG64 P3, ULONG64 P4,
                                  struct _CONTEXT *Context, struct _KTHREAD *Thread) {
    ULONG64 parameters[4] = { P1, P2, P3, P4 };
    if (CrashdmpDumpBlock == NULL || CrashdmpCallTable.Write == NULL) {
        IopFinalCrashDumpStatus = STATUS_NOT_SUPPORTED;
        return FALSE;
    }
    IopFinalCrashDumpStatus = CrashdmpCallTable.Write(CrashdmpDumpBlock, BugCheckCode, parameters, Context, Thread);
    return IopFinalCrashDumpStatus >= 0;
}

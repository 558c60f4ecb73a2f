// System threads and waiting: enough for a waiting thread to show the stack that it shows on Windows.
#include "kernel.h"

#define THREAD_STATE_READY 1
#define THREAD_STATE_TERMINATED 4
#define THREAD_STATE_WAITING 5
#define WAIT_SUCCESS 0

/** The signal that worker threads wait for. */
struct _KEVENT ExWorkerEvent = { .Header = { .Size = sizeof(KEVENT) / 4, .WaitListHead = EMPTY_LIST(ExWorkerEvent.Header.WaitListHead) } };
void (*ExWorkerRoutine)(void *);
void *ExWorkerParameter;

/** Below a thread that has never run: what SwapContext pops, and what the first function finds above its return address. */
typedef struct _START_FRAME {
    UCHAR Home[0x30];
    ULONG64 Rbp;
    void (*Return)(void);
    // as at the entry of the first function: it has no caller
    ULONG64 NoReturn;
    ULONG64 Argument[4];
} START_FRAME;

/** A system thread starts at the first instruction of its routine. */
NOINLINE void KiInitializeContextThread(struct _KTHREAD *Thread, void (*StartRoutine)(void *), void *StartContext) {
    START_FRAME *frame = (START_FRAME *)Thread->InitialStack - 1;
    frame->Rbp = 0;
    frame->Return = KiStartSystemThread;
    frame->NoReturn = 0;
    frame->Argument[0] = (ULONG64)StartRoutine;
    frame->Argument[1] = (ULONG64)StartContext;
    Thread->KernelStack = frame;
}

/** A thread of a program starts in user mode: `UserFrame` holds its registers, `FirstArgument` goes into rcx. */
NOINLINE void KiInitializeUserContextThread(struct _KTHREAD *Thread, const struct _MACHINE_FRAME *UserFrame,
                                            ULONG64 FirstArgument) {
    struct _MACHINE_FRAME *machine = (struct _MACHINE_FRAME *)Thread->InitialStack - 1;
    ULONG64 *argument = (ULONG64 *)machine - 1;
    struct _START_FRAME *frame = (struct _START_FRAME *)((char *)argument - offsetof(START_FRAME, NoReturn));
    *machine = *UserFrame;
    *argument = FirstArgument;
    frame->Rbp = 0;
    frame->Return = KiStartUserThread;
    Thread->KernelStack = frame;
}

NOINLINE ULONG64 KiSwapThread(struct _KTHREAD *Thread, struct _KPRCB *Prcb) {
    struct _KTHREAD *next = Prcb->NextThread != NULL ? Prcb->NextThread : Prcb->IdleThread;
    Prcb->NextThread = NULL;
    Prcb->KeContextSwitches++;
    Thread->ContextSwitches++;
    if (next != Thread) {
        // The idle thread is always ready to run again.
        if (Thread == Prcb->IdleThread) Thread->State = THREAD_STATE_READY;
        Thread->Running = FALSE;
        next->Running = TRUE;
        Prcb->CurrentThread = next;
        Prcb->RspBase = (ULONG64)next->InitialStack;
        KiGetPcr()->TssBase->Rsp0 = (ULONG64)next->InitialStack;
        KiWriteMsr(MSR_GS_SWAP, (ULONG64)next->Teb);
        if (next->Process->DirectoryTableBase != Thread->Process->DirectoryTableBase) {
            __asm__ volatile("movq %0, %%cr3" : : "r"(next->Process->DirectoryTableBase) : "memory");
        }
        KiSwapContext(Thread, next, FALSE);
    }
    return (ULONG64)Thread->WaitStatus;
}

NOINLINE NTSTATUS KeWaitForSingleObject(void *Object, ULONG WaitReason, CHAR WaitMode, BOOLEAN Alertable,
                                        LARGE_INTEGER *Timeout) {
    struct _DISPATCHER_HEADER *header = Object;
    struct _KPRCB *prcb = KeGetCurrentPrcb();
    struct _KTHREAD *thread = prcb->CurrentThread;
    KIRQL irql = KeGetCurrentIrql();
    if (header->SignalState > 0) {
        header->SignalState--;
        return WAIT_SUCCESS;
    }
    // A wait with a time limit needs the timer, an alertable one needs APCs: this kernel has neither.
    if (Timeout != NULL || Alertable) return STATUS_NOT_IMPLEMENTED;
    thread->WaitIrql = irql;
    thread->WaitMode = WaitMode;
    thread->WaitReason = (UCHAR)WaitReason;
    thread->State = THREAD_STATE_WAITING;
    KiSetIrql(DISPATCH_LEVEL);
    ULONG64 status = KiSwapThread(thread, prcb);
    KiSetIrql(irql);
    return (NTSTATUS)status;
}

NOINLINE void ExpWorkerThread(void *Parameter) {
    ULONG64 done = 0;
    for (;;) {
        KeWaitForSingleObject(&ExWorkerEvent, 0xF /* WrQueue */, 0, FALSE, NULL);
        if (ExWorkerRoutine != NULL) ExWorkerRoutine(ExWorkerParameter);
        *(ULONG64 *)Parameter = ++done;
    }
}

NOINLINE void PspSystemThreadStartup(void (*StartRoutine)(void *), void *StartContext) {
    struct _ETHREAD *thread = (struct _ETHREAD *)KeGetCurrentPrcb()->CurrentThread;
    thread->StartAddress = (void *)StartRoutine;
    KiSetIrql(PASSIVE_LEVEL);
    StartRoutine(StartContext);
    thread->ExitStatus = STATUS_SUCCESS;
    thread->Tcb.State = THREAD_STATE_TERMINATED;
    // A processor never returns to a thread that has ended.
    for (;;) KiSwapThread(&thread->Tcb, KeGetCurrentPrcb());
}

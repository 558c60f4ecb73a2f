// System threads and waiting: enough for a thread that waits to show the stack that it shows on Windows.
#include "kernel.h"

#define THREAD_STATE_TERMINATED 4
#define THREAD_STATE_WAITING 5
#define WAIT_SUCCESS 0

/** The signal that worker threads wait for. */
struct _KEVENT ExWorkerEvent = { .Header = { .Size = sizeof(KEVENT) / 4, .WaitListHead = EMPTY_LIST(ExWorkerEvent.Header.WaitListHead) } };
void (*ExWorkerRoutine)(void *);
void *ExWorkerParameter;

NOINLINE ULONG64 KiSwapThread(struct _KTHREAD *Thread, struct _KPRCB *Prcb) {
    struct _KTHREAD *next = Prcb->NextThread != NULL ? Prcb->NextThread : Prcb->IdleThread;
    Prcb->NextThread = NULL;
    Prcb->KeContextSwitches++;
    Thread->ContextSwitches++;
    if (next != Thread) {
        Prcb->CurrentThread = next;
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
    // A wait with a time limit needs the timer, an alertable one APCs: neither is here.
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
    // A processor never comes back to a thread that has ended.
    for (;;) KiSwapThread(&thread->Tcb, KeGetCurrentPrcb());
}

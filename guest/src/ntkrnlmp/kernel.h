// Shared by the parts of ntkrnlmp: processor access, the globals that more than one part uses, and exported routines.
#ifndef KERNEL_H
#define KERNEL_H
#include "io.h"
#include "kd.h"
#include "ldr.h"
#include "mm.h"

#define MAX_PROCESSORS 64
#define PASSIVE_LEVEL 0
#define DISPATCH_LEVEL 2
#define HIGH_LEVEL 15

typedef volatile struct _KPRCB GS_PRCB;

/** gs points to the KPCR, which holds the address of its KPRCB at 0x20. */
static inline struct _KPRCB *KeGetCurrentPrcb(void) {
    return *(struct _KPRCB * __attribute__((address_space(256))) *)offsetof(KPCR, CurrentPrcb);
}

static inline KIRQL KeGetCurrentIrql(void) {
    ULONG64 cr8;
    __asm__ volatile("movq %%cr8, %0" : "=r"(cr8));
    return (KIRQL)cr8;
}

static inline void KiSetIrql(KIRQL irql) {
    __asm__ volatile("movq %0, %%cr8" : : "r"((ULONG64)irql) : "memory");
}

static inline struct _KPCR *KiGetPcr(void) { return (struct _KPCR *)((char *)KeGetCurrentPrcb() - offsetof(KPCR, Prcb)); }

/** Disables interrupts; the IRQL in the KPCR tells a debugger so. */
static inline void KiRaiseToHighLevel(void) {
    KiSetIrql(HIGH_LEVEL);
    KiGetPcr()->Irql = HIGH_LEVEL;
}

// Model-specific registers (Intel SDM volume 4, chapter 2).
#define MSR_EFER 0xC0000080
#define MSR_STAR 0xC0000081
#define MSR_LSTAR 0xC0000082
#define MSR_SYSCALL_MASK 0xC0000084
#define MSR_FS_BASE 0xC0000100
#define MSR_GS_BASE 0xC0000101
/** What swapgs exchanges with the base of gs. */
#define MSR_GS_SWAP 0xC0000102

static inline ULONG64 KiReadMsr(ULONG number) {
    ULONG low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (ULONG64)high << 32 | low;
}

static inline void KiWriteMsr(ULONG number, ULONG64 value) {
    __asm__ volatile("wrmsr" : : "c"(number), "a"((ULONG)value), "d"((ULONG)(value >> 32)) : "memory");
}

static inline void YieldProcessor(void) { __asm__ volatile("pause"); }

extern char __ImageBase[];

extern LIST_ENTRY PsLoadedModuleList, PsActiveProcessHead;
extern struct _EPROCESS *PsInitialSystemProcess, *PsIdleProcess;
extern struct _KPRCB *KiProcessorBlock[MAX_PROCESSORS];
extern ULONG KeNumberProcessors, KeTimeIncrement;
extern ULONG64 KiBugCheckData[5], MmPteBase;
extern struct _UNLOADED_DRIVERS *MmUnloadedDrivers;
extern ULONG MmLastUnloadedDriver;
extern struct _PHYSICAL_MEMORY_DESCRIPTOR *MmPhysicalMemoryBlock;
extern void *MmPfnDatabase;
extern ULONG64 MmLowestPhysicalPage, MmHighestPhysicalPage, MmNumberOfPhysicalPages;
extern const ULONG64 MmHighestUserAddress, MmSystemRangeStart, MmUserProbeAddress;
extern ULONG NtBuildNumber;
extern const char NtBuildLabEx[];

struct _KTHREAD;
void DbgBreakPointWithStatus(ULONG Status);
void KeStallExecutionProcessor(ULONG MicroSeconds);
void RtlCaptureContext(struct _CONTEXT *ContextRecord);
void KeBugCheckEx(ULONG BugCheckCode, ULONG64 P1, ULONG64 P2, ULONG64 P3, ULONG64 P4);
void KeBugCheck2(ULONG BugCheckCode, ULONG64 P1, ULONG64 P2, ULONG64 P3, ULONG64 P4, struct _KTRAP_FRAME *TrapFrame);
BOOLEAN IoWriteCrashDump(ULONG BugCheckCode, ULONG64 P1, ULONG64 P2, ULONG64 P3, ULONG64 P4,
                         struct _CONTEXT *Context, struct _KTHREAD *Thread);
void KiSaveProcessorControlState(struct _KPROCESSOR_STATE *ProcessorState);
void KiSaveProcessorState(struct _KPRCB *Prcb);
void KiSendFreeze(void);
void KiFreezeTargetExecution(struct _KTRAP_FRAME *TrapFrame, struct _KEXCEPTION_FRAME *ExceptionFrame);
void KiIpiProcessRequests(struct _KTRAP_FRAME *TrapFrame, struct _KEXCEPTION_FRAME *ExceptionFrame);
void HalReturnToFirmware(ULONG Action);
void HalRequestIpi(ULONG InitialApicId, ULONG Vector);
NTSTATUS IofCallDriver(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
NTSTATUS KeWaitForSingleObject(void *Object, ULONG WaitReason, CHAR WaitMode, BOOLEAN Alertable, LARGE_INTEGER *Timeout);
ULONG64 KiSwapThread(struct _KTHREAD *Thread, struct _KPRCB *Prcb);
BOOLEAN KiSwapContext(struct _KTHREAD *OldThread, struct _KTHREAD *NewThread, BOOLEAN IsApcPending);
void PspSystemThreadStartup(void (*StartRoutine)(void *), void *StartContext);
void ExpWorkerThread(void *Parameter);
void KiIdleLoop(void);
void MiProcessLoaderEntry(struct _KLDR_DATA_TABLE_ENTRY *Entry, BOOLEAN Insert);
void PspInsertProcess(struct _EPROCESS *Process, BOOLEAN Listed);
void PspInsertThread(struct _EPROCESS *Process, struct _ETHREAD *Thread);
void KiStartSystemThread(void);
void KiStartUserThread(void);
void *memcpy(void *Destination, const void *Source, ULONG64 Length);
void *memset(void *Destination, int Value, ULONG64 Length);

/** The vector of the interrupt that asks a processor to read the requests in its KPRCB. */
#define IPI_VECTOR 0xE1

/** KPRCB.IpiFrozen, as debuggers print it. */
#define RUNNING 0
#define TARGET_FREEZE 5
#define FROZEN 2

#endif

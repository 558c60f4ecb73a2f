// What the parts of ntkrnlmp share: processor access, the globals that more than one part uses, and exported routines.
#ifndef KERNEL_H
#define KERNEL_H
#include "io.h"
#include "kd.h"
#include "ldr.h"
#include "mm.h"

#define MAXIMUM_PROCESSORS 64
#define PASSIVE_LEVEL 0
#define DISPATCH_LEVEL 2
#define HIGH_LEVEL 15

typedef volatile struct _KPRCB GS_PRCB;

/** gs points at the KPCR, which holds its own KPRCB's address at 0x20. */
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

static inline void YieldProcessor(void) { __asm__ volatile("pause"); }

extern char __ImageBase[];

extern LIST_ENTRY PsLoadedModuleList, PsActiveProcessHead;
extern struct _EPROCESS *PsInitialSystemProcess, *PsIdleProcess;
extern struct _KPRCB *KiProcessorBlock[MAXIMUM_PROCESSORS];
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
void KiSendFreeze(void);
void KiFreezeTargetExecution(struct _KTRAP_FRAME *TrapFrame);
void KiIpiProcessRequests(struct _KTRAP_FRAME *TrapFrame);
void HalReturnToFirmware(ULONG Action);
void HalRequestIpi(ULONG InitialApicId, ULONG Vector);
NTSTATUS IofCallDriver(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
NTSTATUS KeWaitForSingleObject(void *Object, ULONG WaitReason, CHAR WaitMode, BOOLEAN Alertable, LARGE_INTEGER *Timeout);
ULONG64 KiSwapThread(struct _KTHREAD *Thread, struct _KPRCB *Prcb);
BOOLEAN KiSwapContext(struct _KTHREAD *OldThread, struct _KTHREAD *NewThread, BOOLEAN IsApcPending);
void PspSystemThreadStartup(void (*StartRoutine)(void *), void *StartContext);
void ExpWorkerThread(void *Parameter);
void KiIdleLoop(void);
void *memcpy(void *Destination, const void *Source, ULONG64 Length);
void *memset(void *Destination, int Value, ULONG64 Length);

/** Which processor interrupt asks a processor to look at its KPRCB requests. */
#define IPI_VECTOR 0xE1

/** KPRCB.IpiFrozen, as debuggers print it. */
#define RUNNING 0
#define TARGET_FREEZE 5
#define FROZEN 2

#endif

// Kernel core: processes, threads and processors as the scheduler sees them.
// Layouts of build 19041, x64, as its public symbols give them (one ISF table of that build, and ntdiff/headers);
// fields that nothing here needs are left out as Reserved<offset>. Offsets that others rely on are asserted in layout.c.
#ifndef KE_H
#define KE_H
#include "context.h"

typedef struct _DISPATCHER_HEADER {
    UCHAR Type;
    UCHAR Signalling;
    UCHAR Size;
    UCHAR Reserved1;
    LONG SignalState;
    struct _LIST_ENTRY WaitListHead;
} DISPATCHER_HEADER;
_Static_assert(sizeof(DISPATCHER_HEADER) == 0x18, "_DISPATCHER_HEADER");

typedef struct _KEVENT {
    struct _DISPATCHER_HEADER Header;
} KEVENT;
_Static_assert(sizeof(KEVENT) == 0x18, "_KEVENT");

typedef struct _KSEMAPHORE {
    struct _DISPATCHER_HEADER Header;
    LONG Limit;
    UCHAR Reserved1C[0x4];
} KSEMAPHORE;
_Static_assert(sizeof(KSEMAPHORE) == 0x20, "_KSEMAPHORE");

typedef struct _KAFFINITY_EX {
    USHORT Count;
    USHORT Size;
    UCHAR Reserved4[0x4];
    ULONG64 Bitmap[20];
} KAFFINITY_EX;
_Static_assert(sizeof(KAFFINITY_EX) == 0xA8, "_KAFFINITY_EX");

typedef struct _KAPC_STATE {
    struct _LIST_ENTRY ApcListHead[2];
    struct _KPROCESS *Process;
    UCHAR InProgressFlags;
    UCHAR KernelApcPending;
    UCHAR UserApcPendingAll;
    UCHAR Reserved2B[0x5];
} KAPC_STATE;
_Static_assert(sizeof(KAPC_STATE) == 0x30, "_KAPC_STATE");

typedef struct _KDPC {
    ULONG TargetInfoAsUlong;
    UCHAR Reserved4[0x4];
    struct _SINGLE_LIST_ENTRY DpcListEntry;
    ULONG64 ProcessorHistory;
    void *DeferredRoutine;
    void *DeferredContext;
    void *SystemArgument1;
    void *SystemArgument2;
    void *DpcData;
} KDPC;
_Static_assert(sizeof(KDPC) == 0x40, "_KDPC");

typedef struct _KTIMER {
    struct _DISPATCHER_HEADER Header;
    UCHAR Reserved18[0x8];
    struct _LIST_ENTRY TimerListEntry;
    struct _KDPC *Dpc;
    USHORT Processor;
    USHORT TimerType;
    ULONG Period;
} KTIMER;
_Static_assert(sizeof(KTIMER) == 0x40, "_KTIMER");

typedef struct _KDPC_DATA {
    UCHAR Reserved0[0x10];
    ULONG64 DpcLock;
    LONG DpcQueueDepth;
    ULONG DpcCount;
    struct _KDPC *ActiveDpc;
} KDPC_DATA;
_Static_assert(sizeof(KDPC_DATA) == 0x28, "_KDPC_DATA");

typedef struct _KPRIQUEUE {
    struct _DISPATCHER_HEADER Header;
    struct _LIST_ENTRY EntryListHead[32];
    LONG CurrentCount[32];
    ULONG MaximumCount;
    UCHAR Reserved29C[0x4];
    struct _LIST_ENTRY ThreadListHead;
} KPRIQUEUE;
_Static_assert(sizeof(KPRIQUEUE) == 0x2B0, "_KPRIQUEUE");

typedef struct _KPROCESS {
    struct _DISPATCHER_HEADER Header;
    struct _LIST_ENTRY ProfileListHead;
    ULONG64 DirectoryTableBase;
    struct _LIST_ENTRY ThreadListHead;
    ULONG ProcessLock;
    ULONG ProcessTimerDelay;
    UCHAR Reserved48[0x8];
    struct _KAFFINITY_EX Affinity;
    UCHAR ReservedF8[0x60];
    struct _LIST_ENTRY ReadyListHead;
    struct _SINGLE_LIST_ENTRY SwapListEntry;
    struct _KAFFINITY_EX ActiveProcessors;
    UCHAR Reserved218[0x60];
    LONG ProcessFlags;
    ULONG ActiveGroupsMask;
    CHAR BasePriority;
    CHAR QuantumReset;
    CHAR Visited;
    UCHAR Reserved283[0x41];
    USHORT IdealProcessor[20];
    UCHAR Reserved2EC[0x64];
    struct _LIST_ENTRY ProcessListEntry;
    ULONG64 CycleTime;
    ULONG64 ContextSwitches;
    UCHAR Reserved370[0x8];
    ULONG FreezeCount;
    ULONG KernelTime;
    ULONG UserTime;
    ULONG ReadyTime;
    ULONG64 UserDirectoryTableBase;
    UCHAR AddressPolicy;
    UCHAR Reserved391[0x47];
    void *InstrumentationCallback;
    UCHAR Reserved3E0[0x8];
    ULONG64 KernelWaitTime;
    ULONG64 UserWaitTime;
    UCHAR Reserved3F8[0x40];
} KPROCESS;
_Static_assert(sizeof(KPROCESS) == 0x438, "_KPROCESS");

typedef struct _KTHREAD {
    struct _DISPATCHER_HEADER Header;
    void *SListFaultAddress;
    ULONG64 QuantumTarget;
    void *InitialStack;
    void *StackLimit;
    void *StackBase;
    ULONG64 ThreadLock;
    ULONG64 CycleTime;
    ULONG CurrentRunTime;
    ULONG ExpectedRunTime;
    void *KernelStack;
    struct _XSAVE_FORMAT *StateSaveArea;
    struct _KSCHEDULING_GROUP *SchedulingGroup;
    UCHAR Reserved70[0x1];
    UCHAR Running;
    UCHAR Alerted[2];
    LONG MiscFlags;
    LONG ThreadFlags;
    UCHAR Tag;
    UCHAR Reserved7D[0x2];
    UCHAR SpecCtrl;
    ULONG SystemCallNumber;
    ULONG ReadyTime;
    void *FirstArgument;
    struct _KTRAP_FRAME *TrapFrame;
    // the fields below use the bytes that ApcState leaves free
    union {
        struct _KAPC_STATE ApcState;
        struct {
            UCHAR ApcStateFill[43];
            CHAR Priority;
            ULONG UserIdealProcessor;
        };
    };
    LONG64 WaitStatus;
    struct _KWAIT_BLOCK *WaitBlockList;
    struct _LIST_ENTRY WaitListEntry;
    struct _DISPATCHER_HEADER *Queue;
    void *Teb;
    ULONG64 RelativeTimerBias;
    struct _KTIMER Timer;
    UCHAR Reserved140[0x14];
    ULONG ContextSwitches;
    UCHAR Reserved158[0x10];
    struct _KTHREAD_COUNTERS *ThreadCounters;
    UCHAR Reserved170[0x14];
    UCHAR State;
    UCHAR Reserved185[0x1];
    UCHAR WaitIrql;
    CHAR WaitMode;
    UCHAR Reserved188[0x10];
    struct _XSTATE_SAVE *XStateSave;
    UCHAR Reserved1A0[0x14];
    ULONG WaitTime;
    UCHAR Reserved1B8[0x10];
    void *Win32Thread;
    UCHAR Reserved1D0[0x14];
    ULONG CombinedApcDisable;
    UCHAR Reserved1E8[0x18];
    LONG ThreadFlags2;
    UCHAR Reserved204[0x4];
    struct _LIST_ENTRY QueueListEntry;
    ULONG NextProcessor;
    LONG QueuePriority;
    struct _KPROCESS *Process;
    // the fields below use the bytes that UserAffinity leaves free
    union {
        struct _GROUP_AFFINITY UserAffinity;
        struct {
            UCHAR UserAffinityFill[10];
            CHAR PreviousMode;
            CHAR BasePriority;
            CHAR PriorityDecrement;
            UCHAR Preempted;
            UCHAR AdjustReason;
            CHAR AdjustIncrement;
        };
    };
    ULONG64 AffinityVersion;
    // the fields below use the bytes that Affinity leaves free
    union {
        struct _GROUP_AFFINITY Affinity;
        struct {
            UCHAR AffinityFill[10];
            UCHAR ApcStateIndex;
            UCHAR WaitBlockCount;
            ULONG IdealProcessor;
        };
    };
    ULONG64 NpxState;
    // the fields below use the bytes that SavedApcState leaves free
    union {
        struct _KAPC_STATE SavedApcState;
        struct {
            UCHAR SavedApcStateFill[43];
            UCHAR WaitReason;
            CHAR SuspendCount;
            CHAR Saturation;
            USHORT SListFaultCount;
        };
    };
    UCHAR Reserved288[0x1];
    UCHAR ResourceIndex;
    UCHAR Reserved28A[0x1];
    UCHAR QuantumReset;
    ULONG KernelTime;
    UCHAR Reserved290[0x38];
    struct _KPRCB *WaitPrcb;
    UCHAR Reserved2D0[0xB];
    UCHAR CallbackNestingLevel;
    ULONG UserTime;
    struct _KEVENT SuspendEvent;
    struct _LIST_ENTRY ThreadListEntry;
    struct _LIST_ENTRY MutantListHead;
    UCHAR Reserved318[0x3];
    CHAR SystemPriority;
    UCHAR Reserved31C[0x4];
    struct _KLOCK_ENTRY *LockEntries;
    struct _SINGLE_LIST_ENTRY PropagateBoostsEntry;
    struct _SINGLE_LIST_ENTRY IoSelfBoostsEntry;
    UCHAR Reserved338[0x2C];
    SHORT KeReferenceCount;
    UCHAR Reserved366[0x1A];
    LONG64 ReadOperationCount;
    LONG64 WriteOperationCount;
    LONG64 OtherOperationCount;
    LONG64 ReadTransferCount;
    LONG64 WriteTransferCount;
    LONG64 OtherTransferCount;
    struct _KSCB *QueuedScb;
    ULONG ThreadTimerDelay;
    LONG ThreadFlags3;
    ULONG64 TracingPrivate[1];
    void *SchedulerAssist;
    UCHAR Reserved3D0[0x10];
    ULONG64 KernelWaitTime;
    ULONG64 UserWaitTime;
    UCHAR Reserved3F0[0x40];
} KTHREAD;
_Static_assert(sizeof(KTHREAD) == 0x430, "_KTHREAD");

typedef struct _KPRCB {
    ULONG MxCsr;
    UCHAR LegacyNumber;
    UCHAR Reserved5[0x1];
    UCHAR InterruptRequest;
    UCHAR IdleHalt;
    struct _KTHREAD *CurrentThread;
    struct _KTHREAD *NextThread;
    struct _KTHREAD *IdleThread;
    UCHAR NestingLevel;
    UCHAR ClockOwner;
    UCHAR Reserved22[0x2];
    ULONG Number;
    ULONG64 RspBase;
    ULONG64 PrcbLock;
    UCHAR Reserved38[0x8];
    CHAR CpuType;
    CHAR CpuID;
    USHORT CpuStep;
    ULONG MHz;
    UCHAR Reserved48[0x40];
    USHORT MinorVersion;
    USHORT MajorVersion;
    UCHAR BuildType;
    UCHAR CpuVendor;
    UCHAR CoresPerPhysicalProcessor;
    UCHAR LogicalProcessorsPerCore;
    ULONG64 TscFrequency;
    UCHAR Reserved98[0x30];
    ULONG64 GroupSetMember;
    UCHAR Group;
    UCHAR GroupIndex;
    UCHAR ReservedD2[0x2];
    ULONG InitialApicId;
    UCHAR ReservedD8[0x10];
    ULONG CFlushSize;
    UCHAR ReservedEC[0x14];
    struct _KPROCESSOR_STATE ProcessorState;
    UCHAR Reserved6C0[0x8];
    ULONG ProcessorSignature;
    ULONG ProcessorFlags;
    UCHAR Reserved6D0[0x2638];
    struct _SINGLE_LIST_ENTRY DeferredReadyListHead;
    UCHAR Reserved2D10[0x28];
    ULONG KeSystemCalls;
    ULONG KeContextSwitches;
    UCHAR Reserved2D40[0x40];
    LONG PacketBarrier;
    UCHAR Reserved2D84[0x4];
    ULONG IpiFrozen;
    UCHAR Reserved2D8C[0x334];
    struct _KDPC_DATA DpcData[2];
    void *DpcStack;
    LONG MaximumDpcQueueDepth;
    ULONG DpcRequestRate;
    UCHAR Reserved3120[0xA];
    UCHAR DpcRoutineActive;
    UCHAR Reserved312B[0x1];
    SHORT NormalDpcState;
    UCHAR Reserved312E[0x6];
    ULONG LastTick;
    ULONG ClockInterrupts;
    UCHAR Reserved313C[0x4AAA];
    UCHAR NmiActive;
    UCHAR MceActive;
    UCHAR Reserved7BE8[0x18];
    struct _LIST_ENTRY WaitListHead;
    ULONG64 WaitLock;
    ULONG ReadySummary;
    UCHAR Reserved7C1C[0x64];
    struct _LIST_ENTRY DispatcherReadyListHead[32];
    ULONG InterruptCount;
    ULONG KernelTime;
    ULONG UserTime;
    ULONG DpcTime;
    ULONG InterruptTime;
    UCHAR Reserved7E94[0x4];
    UCHAR DebuggerSavedIRQL;
    UCHAR Reserved7E99[0x17];
    ULONG KeExceptionDispatchCount;
    ULONG ReadyThreadCount;
    UCHAR Reserved7EB8[0x8];
    ULONG64 StartCycles;
    UCHAR Reserved7EC8[0x48];
    ULONG PageColor;
    ULONG NodeColor;
    UCHAR Reserved7F18[0xE];
    UCHAR ExceptionStackActive;
    UCHAR Reserved7F27[0x1];
    void *ExceptionStack;
    UCHAR Reserved7F30[0x8];
    ULONG64 CycleTime;
    UCHAR Reserved7F40[0xB8];
    void *MmInternal;
    UCHAR Reserved8000[0x314];
    ULONG CacheCount;
    UCHAR Reserved8318[0x278];
    UCHAR VendorString[13];
    UCHAR Reserved859D[0x3];
    ULONG64 FeatureBits;
    union _LARGE_INTEGER UpdateSignature;
    UCHAR Reserved85B0[0x10];
    struct _CONTEXT *Context;
    ULONG ContextFlagsInit;
    UCHAR Reserved85CC[0x4];
    struct _XSAVE_AREA *ExtendedState;
    void *IsrStack;
    UCHAR Reserved85E0[0x2920];
} KPRCB;
_Static_assert(sizeof(KPRCB) == 0xAF00, "_KPRCB");

/** Task state segment of long mode: only its stack of ring 0 is used. */
typedef struct __attribute__((packed, aligned(4))) _KTSS64 {
    ULONG Reserved0;
    ULONG64 Rsp0;
    UCHAR ReservedC[0x5C];
} KTSS64;
_Static_assert(sizeof(KTSS64) == 0x68, "_KTSS64");

typedef struct _KPCR {
    union _KGDTENTRY64 *GdtBase;
    struct _KTSS64 *TssBase;
    ULONG64 UserRsp;
    struct _KPCR *Self;
    struct _KPRCB *CurrentPrcb;
    struct _KSPIN_LOCK_QUEUE *LockArray;
    void *Used_Self;
    union _KIDTENTRY64 *IdtBase;
    UCHAR Reserved40[0x10];
    UCHAR Irql;
    UCHAR Reserved51[0xF];
    USHORT MajorVersion;
    USHORT MinorVersion;
    ULONG StallScaleFactor;
    UCHAR Reserved68[0x54];
    ULONG SecondLevelCacheSize;
    UCHAR ReservedC0[0x48];
    void *KdVersionBlock;
    UCHAR Reserved110[0x70];
    struct _KPRCB Prcb;
} KPCR;
_Static_assert(sizeof(KPCR) == 0xB080, "_KPCR");

#endif

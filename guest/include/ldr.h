// Loaded modules, and the user-mode blocks that lead to a process's own.
// Layouts of build 19041, x64, as its public symbols give them (one ISF table of that build, and ntdiff/headers);
// fields that nothing here needs are left out as Reserved<offset>. Offsets that others rely on are asserted in layout.c.
#ifndef LDR_H
#define LDR_H
#include "ntdef.h"

/** What the loader tells the kernel: only the fields that this kernel reads. */
typedef struct _LOADER_PARAMETER_BLOCK {
    UCHAR Reserved0[0x10];
    struct _LIST_ENTRY LoadOrderListHead;
    UCHAR Reserved20[0x60];
    ULONG64 KernelStack;
    ULONG64 Prcb;
    ULONG64 Process;
    ULONG64 Thread;
    UCHAR ReservedA0[0xC0];
} LOADER_PARAMETER_BLOCK;
_Static_assert(sizeof(LOADER_PARAMETER_BLOCK) == 0x160, "_LOADER_PARAMETER_BLOCK");

typedef struct _KLDR_DATA_TABLE_ENTRY {
    struct _LIST_ENTRY InLoadOrderLinks;
    void *ExceptionTable;
    ULONG ExceptionTableSize;
    UCHAR Reserved1C[0x4];
    void *GpValue;
    struct _NON_PAGED_DEBUG_INFO *NonPagedDebugInfo;
    void *DllBase;
    void *EntryPoint;
    ULONG SizeOfImage;
    UCHAR Reserved44[0x4];
    struct _UNICODE_STRING FullDllName;
    struct _UNICODE_STRING BaseDllName;
    ULONG Flags;
    USHORT LoadCount;
    UCHAR Reserved6E[0x2];
    void *SectionPointer;
    ULONG CheckSum;
    UCHAR Reserved7C[0xC];
    void *LoadedImports;
    UCHAR Reserved90[0x8];
    ULONG SizeOfImageNotRounded;
    ULONG TimeDateStamp;
} KLDR_DATA_TABLE_ENTRY;
_Static_assert(sizeof(KLDR_DATA_TABLE_ENTRY) == 0xA0, "_KLDR_DATA_TABLE_ENTRY");

typedef struct _LDR_DATA_TABLE_ENTRY {
    struct _LIST_ENTRY InLoadOrderLinks;
    struct _LIST_ENTRY InMemoryOrderLinks;
    struct _LIST_ENTRY InInitializationOrderLinks;
    void *DllBase;
    void *EntryPoint;
    ULONG SizeOfImage;
    UCHAR Reserved44[0x4];
    struct _UNICODE_STRING FullDllName;
    struct _UNICODE_STRING BaseDllName;
    ULONG Flags;
    USHORT ObsoleteLoadCount;
    USHORT TlsIndex;
    struct _LIST_ENTRY HashLinks;
    ULONG TimeDateStamp;
    UCHAR Reserved84[0x4];
    struct _ACTIVATION_CONTEXT *EntryPointActivationContext;
    void *Lock;
    struct _LDR_DDAG_NODE *DdagNode;
    struct _LIST_ENTRY NodeModuleLink;
    struct _LDRP_LOAD_CONTEXT *LoadContext;
    void *ParentDllBase;
    void *SwitchBackContext;
    UCHAR ReservedC8[0x30];
    ULONG64 OriginalBase;
    union _LARGE_INTEGER LoadTime;
    ULONG BaseNameHashValue;
    ULONG LoadReason;
    ULONG ImplicitPathOptions;
    ULONG ReferenceCount;
    ULONG DependentLoadFlags;
    UCHAR SigningLevel;
    UCHAR Reserved11D[0x3];
} LDR_DATA_TABLE_ENTRY;
_Static_assert(sizeof(LDR_DATA_TABLE_ENTRY) == 0x120, "_LDR_DATA_TABLE_ENTRY");

typedef struct _PEB_LDR_DATA {
    ULONG Length;
    UCHAR Initialized;
    UCHAR Reserved5[0x3];
    void *SsHandle;
    struct _LIST_ENTRY InLoadOrderModuleList;
    struct _LIST_ENTRY InMemoryOrderModuleList;
    struct _LIST_ENTRY InInitializationOrderModuleList;
    void *EntryInProgress;
    UCHAR ShutdownInProgress;
    UCHAR Reserved49[0x7];
    void *ShutdownThreadId;
} PEB_LDR_DATA;
_Static_assert(sizeof(PEB_LDR_DATA) == 0x58, "_PEB_LDR_DATA");

typedef struct _PEB {
    UCHAR InheritedAddressSpace;
    UCHAR Reserved1[0x1];
    UCHAR BeingDebugged;
    UCHAR Reserved3[0x5];
    void *Mutant;
    void *ImageBaseAddress;
    struct _PEB_LDR_DATA *Ldr;
    struct _RTL_USER_PROCESS_PARAMETERS *ProcessParameters;
    UCHAR Reserved28[0x8];
    void *ProcessHeap;
    UCHAR Reserved38[0x80];
    ULONG NumberOfProcessors;
    ULONG NtGlobalFlag;
    UCHAR ReservedC0[0x58];
    ULONG OSMajorVersion;
    ULONG OSMinorVersion;
    USHORT OSBuildNumber;
    UCHAR Reserved122[0x19E];
    ULONG SessionId;
    UCHAR Reserved2C4[0x504];
} PEB;
_Static_assert(sizeof(PEB) == 0x7C8, "_PEB");

typedef struct _TEB {
    struct _NT_TIB NtTib;
    UCHAR Reserved38[0x8];
    struct _CLIENT_ID ClientId;
    UCHAR Reserved50[0x10];
    struct _PEB *ProcessEnvironmentBlock;
    ULONG LastErrorValue;
    UCHAR Reserved6C[0x254];
    LONG ExceptionCode;
    UCHAR Reserved2C4[0x11B4];
    void *DeallocationStack;
    UCHAR Reserved1480[0x3B8];
} TEB;
_Static_assert(sizeof(TEB) == 0x1838, "_TEB");

#endif

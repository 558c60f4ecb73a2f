// Base types of the guest programs, spelled as the driver kit spells them.
#ifndef NTDEF_H
#define NTDEF_H

typedef unsigned char UCHAR, BOOLEAN, KIRQL;
typedef char CHAR;
typedef unsigned short USHORT, WCHAR;
typedef short SHORT;
typedef unsigned long ULONG;
typedef long LONG, NTSTATUS;
typedef unsigned long long ULONG64, KAFFINITY;
typedef long long LONG64;

#define NULL ((void *)0)
#define TRUE 1
#define FALSE 0
#define offsetof(type, field) __builtin_offsetof(type, field)

#define STATUS_SUCCESS ((NTSTATUS)0)
#define STATUS_PENDING ((NTSTATUS)0x00000103)
#define STATUS_UNSUCCESSFUL ((NTSTATUS)0xC0000001)
#define STATUS_NOT_IMPLEMENTED ((NTSTATUS)0xC0000002)
#define STATUS_INVALID_DEVICE_REQUEST ((NTSTATUS)0xC0000010)
#define STATUS_INSUFFICIENT_RESOURCES ((NTSTATUS)0xC000009A)
#define STATUS_NOT_SUPPORTED ((NTSTATUS)0xC00000BB)

/** A function that must appear on stacks, and that a debugger finds by name. */
#define NOINLINE __attribute__((noinline))

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY;
/** A list head that links to itself. */
#define EMPTY_LIST(head) { &(head), &(head) }

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY *Next;
} SINGLE_LIST_ENTRY;

typedef struct _UNICODE_STRING {
    USHORT Length;
    USHORT MaximumLength;
    WCHAR *Buffer;
} UNICODE_STRING;

typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    CHAR *Buffer;
} STRING;

typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONG64 QuadPart;
} LARGE_INTEGER;

typedef struct __declspec(align(16)) _M128A {
    ULONG64 Low;
    LONG64 High;
} M128A;

typedef struct _CLIENT_ID {
    void *UniqueProcess;
    void *UniqueThread;
} CLIENT_ID;

typedef struct _EX_PUSH_LOCK {
    ULONG64 Value;
} EX_PUSH_LOCK;

typedef struct _EX_RUNDOWN_REF {
    ULONG64 Count;
} EX_RUNDOWN_REF;

typedef struct _EX_FAST_REF {
    void *Object;
} EX_FAST_REF;

typedef struct _RTL_AVL_TREE {
    struct _RTL_BALANCED_NODE *Root;
} RTL_AVL_TREE;

typedef struct _IO_STATUS_BLOCK {
    union {
        NTSTATUS Status;
        void *Pointer;
    };
    ULONG64 Information;
} IO_STATUS_BLOCK;

typedef struct _GROUP_AFFINITY {
    KAFFINITY Mask;
    USHORT Group;
    USHORT Reserved[3];
} GROUP_AFFINITY;

typedef struct _PROCESSOR_NUMBER {
    USHORT Group;
    UCHAR Number;
    UCHAR Reserved;
} PROCESSOR_NUMBER;

typedef struct _NT_TIB {
    struct _EXCEPTION_REGISTRATION_RECORD *ExceptionList;
    void *StackBase;
    void *StackLimit;
    void *SubSystemTib;
    void *FiberData;
    void *ArbitraryUserPointer;
    struct _NT_TIB *Self;
} NT_TIB;

#endif

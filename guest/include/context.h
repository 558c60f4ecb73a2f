// CPU context, machine frame and trap frame.
// Layouts of build 19041, x64, as its public symbols give them (one ISF table of that build, and ntdiff/headers);
// fields that nothing here needs are left out as Reserved<offset>. Offsets that others rely on are asserted in layout.c.
#ifndef CONTEXT_H
#define CONTEXT_H
#include "ntdef.h"

typedef struct _XSAVE_FORMAT {
    USHORT ControlWord;
    USHORT StatusWord;
    UCHAR TagWord;
    UCHAR Reserved5[0x1];
    USHORT ErrorOpcode;
    ULONG ErrorOffset;
    USHORT ErrorSelector;
    UCHAR ReservedE[0x2];
    ULONG DataOffset;
    USHORT DataSelector;
    UCHAR Reserved16[0x2];
    ULONG MxCsr;
    ULONG MxCsr_Mask;
    struct _M128A FloatRegisters[8];
    struct _M128A XmmRegisters[16];
    UCHAR Reserved1A0[0x60];
} XSAVE_FORMAT;
_Static_assert(sizeof(XSAVE_FORMAT) == 0x200, "_XSAVE_FORMAT");

typedef struct _CONTEXT {
    ULONG64 P1Home;
    ULONG64 P2Home;
    ULONG64 P3Home;
    ULONG64 P4Home;
    ULONG64 P5Home;
    ULONG64 P6Home;
    ULONG ContextFlags;
    ULONG MxCsr;
    USHORT SegCs;
    USHORT SegDs;
    USHORT SegEs;
    USHORT SegFs;
    USHORT SegGs;
    USHORT SegSs;
    ULONG EFlags;
    ULONG64 Dr0;
    ULONG64 Dr1;
    ULONG64 Dr2;
    ULONG64 Dr3;
    ULONG64 Dr6;
    ULONG64 Dr7;
    ULONG64 Rax;
    ULONG64 Rcx;
    ULONG64 Rdx;
    ULONG64 Rbx;
    ULONG64 Rsp;
    ULONG64 Rbp;
    ULONG64 Rsi;
    ULONG64 Rdi;
    ULONG64 R8;
    ULONG64 R9;
    ULONG64 R10;
    ULONG64 R11;
    ULONG64 R12;
    ULONG64 R13;
    ULONG64 R14;
    ULONG64 R15;
    ULONG64 Rip;
    struct _XSAVE_FORMAT FltSave;
    struct _M128A VectorRegister[26];
    ULONG64 VectorControl;
    ULONG64 DebugControl;
    ULONG64 LastBranchToRip;
    ULONG64 LastBranchFromRip;
    ULONG64 LastExceptionToRip;
    ULONG64 LastExceptionFromRip;
} CONTEXT;
_Static_assert(sizeof(CONTEXT) == 0x4D0, "_CONTEXT");

typedef struct _EXCEPTION_RECORD {
    LONG ExceptionCode;
    ULONG ExceptionFlags;
    struct _EXCEPTION_RECORD *ExceptionRecord;
    void *ExceptionAddress;
    ULONG NumberParameters;
    UCHAR Reserved1C[0x4];
    ULONG64 ExceptionInformation[15];
} EXCEPTION_RECORD;
_Static_assert(sizeof(EXCEPTION_RECORD) == 0x98, "_EXCEPTION_RECORD");

typedef struct _MACHINE_FRAME {
    ULONG64 Rip;
    USHORT SegCs;
    UCHAR ReservedA[0x6];
    ULONG EFlags;
    UCHAR Reserved14[0x4];
    ULONG64 Rsp;
    USHORT SegSs;
    UCHAR Reserved22[0x6];
} MACHINE_FRAME;
_Static_assert(sizeof(MACHINE_FRAME) == 0x28, "_MACHINE_FRAME");

typedef struct _KTRAP_FRAME {
    ULONG64 P1Home;
    ULONG64 P2Home;
    ULONG64 P3Home;
    ULONG64 P4Home;
    ULONG64 P5;
    CHAR PreviousMode;
    UCHAR PreviousIrql;
    UCHAR FaultIndicator;
    UCHAR ExceptionActive;
    ULONG MxCsr;
    ULONG64 Rax;
    ULONG64 Rcx;
    ULONG64 Rdx;
    ULONG64 R8;
    ULONG64 R9;
    ULONG64 R10;
    ULONG64 R11;
    ULONG64 GsBase;
    struct _M128A Xmm0;
    struct _M128A Xmm1;
    struct _M128A Xmm2;
    struct _M128A Xmm3;
    struct _M128A Xmm4;
    struct _M128A Xmm5;
    ULONG64 FaultAddress;
    ULONG64 Dr0;
    ULONG64 Dr1;
    ULONG64 Dr2;
    ULONG64 Dr3;
    ULONG64 Dr6;
    ULONG64 Dr7;
    ULONG64 DebugControl;
    ULONG64 LastBranchToRip;
    ULONG64 LastBranchFromRip;
    ULONG64 LastExceptionToRip;
    ULONG64 LastExceptionFromRip;
    USHORT SegDs;
    USHORT SegEs;
    USHORT SegFs;
    USHORT SegGs;
    ULONG64 TrapFrame;
    ULONG64 Rbx;
    ULONG64 Rdi;
    ULONG64 Rsi;
    ULONG64 Rbp;
    ULONG64 ErrorCode;
    ULONG64 Rip;
    USHORT SegCs;
    UCHAR Reserved172[0x1];
    UCHAR Logging;
    UCHAR Reserved174[0x4];
    ULONG EFlags;
    UCHAR Reserved17C[0x4];
    ULONG64 Rsp;
    USHORT SegSs;
    UCHAR Reserved18A[0x6];
} KTRAP_FRAME;
_Static_assert(sizeof(KTRAP_FRAME) == 0x190, "_KTRAP_FRAME");

/** The registers that a function preserves across calls, saved below a trap frame or a switch of stacks. */
typedef struct _KEXCEPTION_FRAME {
    ULONG64 P1Home;
    ULONG64 P2Home;
    ULONG64 P3Home;
    ULONG64 P4Home;
    ULONG64 P5;
    UCHAR Reserved28[0x8];
    struct _M128A Xmm6;
    struct _M128A Xmm7;
    struct _M128A Xmm8;
    struct _M128A Xmm9;
    struct _M128A Xmm10;
    struct _M128A Xmm11;
    struct _M128A Xmm12;
    struct _M128A Xmm13;
    struct _M128A Xmm14;
    struct _M128A Xmm15;
    UCHAR ReservedD0[0x28];
    ULONG64 Rbp;
    ULONG64 Rbx;
    ULONG64 Rdi;
    ULONG64 Rsi;
    ULONG64 R12;
    ULONG64 R13;
    ULONG64 R14;
    ULONG64 R15;
    ULONG64 Return;
} KEXCEPTION_FRAME;
_Static_assert(sizeof(KEXCEPTION_FRAME) == 0x140, "_KEXCEPTION_FRAME");

typedef struct _KDESCRIPTOR {
    UCHAR Reserved0[0x6];
    USHORT Limit;
    void *Base;
} KDESCRIPTOR;
_Static_assert(sizeof(KDESCRIPTOR) == 0x10, "_KDESCRIPTOR");

typedef struct _KSPECIAL_REGISTERS {
    ULONG64 Cr0;
    ULONG64 Cr2;
    ULONG64 Cr3;
    ULONG64 Cr4;
    ULONG64 KernelDr0;
    ULONG64 KernelDr1;
    ULONG64 KernelDr2;
    ULONG64 KernelDr3;
    ULONG64 KernelDr6;
    ULONG64 KernelDr7;
    struct _KDESCRIPTOR Gdtr;
    struct _KDESCRIPTOR Idtr;
    USHORT Tr;
    USHORT Ldtr;
    ULONG MxCsr;
    ULONG64 DebugControl;
    ULONG64 LastBranchToRip;
    ULONG64 LastBranchFromRip;
    ULONG64 LastExceptionToRip;
    ULONG64 LastExceptionFromRip;
    ULONG64 Cr8;
    ULONG64 MsrGsBase;
    ULONG64 MsrGsSwap;
    ULONG64 MsrStar;
    ULONG64 MsrLStar;
    ULONG64 MsrCStar;
    ULONG64 MsrSyscallMask;
    ULONG64 Xcr0;
    ULONG64 MsrFsBase;
    UCHAR ReservedE8[0x8];
} KSPECIAL_REGISTERS;
_Static_assert(sizeof(KSPECIAL_REGISTERS) == 0xF0, "_KSPECIAL_REGISTERS");

typedef struct _KPROCESSOR_STATE {
    struct _KSPECIAL_REGISTERS SpecialRegisters;
    struct _CONTEXT ContextFrame;
} KPROCESSOR_STATE;
_Static_assert(sizeof(KPROCESSOR_STATE) == 0x5C0, "_KPROCESSOR_STATE");

#endif

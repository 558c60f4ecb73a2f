# Entries that cannot be written in C: they build trap, exception and switch frames in their real layouts, and describe them in .pdata.

    .macro PROC name
    .globl \name
    .def \name; .scl 2; .type 32; .endef
    .p2align 4, 0xcc
    .seh_proc \name
\name:
    .endm

# KTRAP_FRAME below the machine frame (rip at 0x168): dummy error code 0x160, rbp 0x158, then the rest.
    .macro TRAP_FRAME
    .seh_pushframe
    subq $8, %rsp
    .seh_stackalloc 8
    pushq %rbp
    .seh_pushreg %rbp
    subq $0x158, %rsp
    .seh_stackalloc 0x158
    leaq 0x80(%rsp), %rbp
    .seh_setframe %rbp, 0x80
    .seh_endprologue
    cld
    movq %rax, 0x30(%rsp)
    movq %rcx, 0x38(%rsp)
    movq %rdx, 0x40(%rsp)
    movq %r8, 0x48(%rsp)
    movq %r9, 0x50(%rsp)
    movq %r10, 0x58(%rsp)
    movq %r11, 0x60(%rsp)
    .endm

    .macro RESTORE_TRAP_FRAME
    movq 0x30(%rsp), %rax
    movq 0x38(%rsp), %rcx
    movq 0x40(%rsp), %rdx
    movq 0x48(%rsp), %r8
    movq 0x50(%rsp), %r9
    movq 0x58(%rsp), %r10
    movq 0x60(%rsp), %r11
    addq $0x158, %rsp
    popq %rbp
    addq $8, %rsp
    iretq
    .endm

    .text

# An interprocessor interrupt: the processor has pushed the machine frame. rbp points to the trap frame, so that the exception
# frame below it needs no unwind codes.
PROC KiIpiInterrupt
    TRAP_FRAME
    testb $1, 0x170(%rsp)
    jz 1f
    swapgs
1:  leaq (%rsp), %rcx
    subq $0x140, %rsp
    movq %rbx, 0x100(%rsp)
    movq %rdi, 0x108(%rsp)
    movq %rsi, 0x110(%rsp)
    movq %r12, 0x118(%rsp)
    movq %r13, 0x120(%rsp)
    movq %r14, 0x128(%rsp)
    movq %r15, 0x130(%rsp)
    movq %rsp, %rdx
    callq KiIpiProcessRequests
    movq 0x100(%rsp), %rbx
    movq 0x108(%rsp), %rdi
    movq 0x110(%rsp), %rsi
    movq 0x118(%rsp), %r12
    movq 0x120(%rsp), %r13
    movq 0x128(%rsp), %r14
    movq 0x130(%rsp), %r15
    addq $0x140, %rsp
    testb $1, 0x170(%rsp)
    jz 2f
    swapgs
2:  RESTORE_TRAP_FRAME
    .seh_endproc

# A system call: builds the machine frame that syscall does not push. r10 first argument, eax service number.
PROC KiSystemCall64
    swapgs
    movq %rsp, %gs:0x10
    movq %gs:0x1a8, %rsp
    pushq $0x2b
    pushq %gs:0x10
    pushq %r11
    pushq $0x33
    pushq %rcx
    TRAP_FRAME
    movq %rbx, 0x140(%rsp)
    movq %rdi, 0x148(%rsp)
    movq %rsi, 0x150(%rsp)
    cmpl KiServiceLimit(%rip), %eax
    jae 3f
    leaq KiServiceTable(%rip), %r11
    movq (%r11,%rax,8), %rax
    testq %rax, %rax
    jz 3f
    movq 0x180(%rsp), %rsi
# Home space and arguments 5 to 14, copied from the user stack: packages/windows/src/stacks knows these 0x70 bytes.
    subq $0x70, %rsp
    leaq 0x28(%rsi), %rsi
    leaq 0x20(%rsp), %rdi
    movl $10, %ecx
    rep movsq
    movq %r10, %rcx
    .globl KiSystemServiceCopyEnd
KiSystemServiceCopyEnd:
    callq *__guard_dispatch_icall_fptr(%rip)
    addq $0x70, %rsp
    jmp 4f
3:  movl $0xc000001c, %eax
4:  movq 0x140(%rsp), %rbx
    movq 0x148(%rsp), %rdi
    movq 0x150(%rsp), %rsi
    movq 0x168(%rsp), %rcx
    movq 0x178(%rsp), %r11
    leaq 0x180(%rsp), %rdx
    movq 0x158(%rsp), %rbp
    movq (%rdx), %rsp
    swapgs
    sysretq
    .seh_endproc

# The first frame of a system thread: routine and context lie above its empty return address. Never returns.
PROC KiStartSystemThread
    subq $0x28, %rsp
    .seh_stackalloc 0x28
    .seh_endprologue
    movl $1, %ecx
    movq %rcx, %cr8
    movq 0x30(%rsp), %rcx
    movq 0x38(%rsp), %rdx
    callq PspSystemThreadStartup
    int3
    .seh_endproc

# The first instructions of a thread of a program: loads its argument and returns to user mode through the machine frame.
PROC KiStartUserThread
    .seh_pushframe
    .seh_stackalloc 8
    .seh_endprologue
    xorl %eax, %eax
    movq %rax, %cr8
    popq %rcx
    xorl %edx, %edx
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    swapgs
    iretq
    .seh_endproc

# Saves the nonvolatile registers in a KEXCEPTION_FRAME (return address at 0x138) and switches stacks.
PROC KiSwapContext
    subq $0x138, %rsp
    .seh_stackalloc 0x138
    movaps %xmm6, 0x30(%rsp)
    .seh_savexmm %xmm6, 0x30
    movaps %xmm7, 0x40(%rsp)
    .seh_savexmm %xmm7, 0x40
    movaps %xmm8, 0x50(%rsp)
    .seh_savexmm %xmm8, 0x50
    movaps %xmm9, 0x60(%rsp)
    .seh_savexmm %xmm9, 0x60
    movaps %xmm10, 0x70(%rsp)
    .seh_savexmm %xmm10, 0x70
    movaps %xmm11, 0x80(%rsp)
    .seh_savexmm %xmm11, 0x80
    movaps %xmm12, 0x90(%rsp)
    .seh_savexmm %xmm12, 0x90
    movaps %xmm13, 0xa0(%rsp)
    .seh_savexmm %xmm13, 0xa0
    movaps %xmm14, 0xb0(%rsp)
    .seh_savexmm %xmm14, 0xb0
    movaps %xmm15, 0xc0(%rsp)
    .seh_savexmm %xmm15, 0xc0
    movq %rbx, 0x100(%rsp)
    .seh_savereg %rbx, 0x100
    movq %rdi, 0x108(%rsp)
    .seh_savereg %rdi, 0x108
    movq %rsi, 0x110(%rsp)
    .seh_savereg %rsi, 0x110
    movq %r12, 0x118(%rsp)
    .seh_savereg %r12, 0x118
    movq %r13, 0x120(%rsp)
    .seh_savereg %r13, 0x120
    movq %r14, 0x128(%rsp)
    .seh_savereg %r14, 0x128
    movq %r15, 0x130(%rsp)
    .seh_savereg %r15, 0x130
    .seh_endprologue
    movq %rcx, %rdi
    movq %rdx, %rsi
    callq SwapContext
    movaps 0x30(%rsp), %xmm6
    movaps 0x40(%rsp), %xmm7
    movaps 0x50(%rsp), %xmm8
    movaps 0x60(%rsp), %xmm9
    movaps 0x70(%rsp), %xmm10
    movaps 0x80(%rsp), %xmm11
    movaps 0x90(%rsp), %xmm12
    movaps 0xa0(%rsp), %xmm13
    movaps 0xb0(%rsp), %xmm14
    movaps 0xc0(%rsp), %xmm15
    movq 0x100(%rsp), %rbx
    movq 0x108(%rsp), %rdi
    movq 0x110(%rsp), %rsi
    movq 0x118(%rsp), %r12
    movq 0x120(%rsp), %r13
    movq 0x128(%rsp), %r14
    movq 0x130(%rsp), %r15
    addq $0x138, %rsp
    retq
    .seh_endproc

# rdi is the thread that stops, rsi the one that continues. KTHREAD.KernelStack (0x58) points to the switch frame:
# rbp at 0x30, return address at 0x38.
PROC SwapContext
    pushq %rbp
    .seh_pushreg %rbp
    subq $0x30, %rsp
    .seh_stackalloc 0x30
    .seh_endprologue
    movq %rsp, 0x58(%rdi)
    movq 0x58(%rsi), %rsp
    movb $2, 0x184(%rsi)
    addq $0x30, %rsp
    popq %rbp
    retq
    .seh_endproc

# Stores the caller's registers in the CONTEXT at rcx: rip is the return address, rsp what it is after the return.
PROC RtlCaptureContext
    pushfq
    .seh_stackalloc 8
    .seh_endprologue
    movq %rax, 0x78(%rcx)
    movq %rcx, 0x80(%rcx)
    movq %rdx, 0x88(%rcx)
    movq %rbx, 0x90(%rcx)
    leaq 0x10(%rsp), %rax
    movq %rax, 0x98(%rcx)
    movq %rbp, 0xa0(%rcx)
    movq %rsi, 0xa8(%rcx)
    movq %rdi, 0xb0(%rcx)
    movq %r8, 0xb8(%rcx)
    movq %r9, 0xc0(%rcx)
    movq %r10, 0xc8(%rcx)
    movq %r11, 0xd0(%rcx)
    movq %r12, 0xd8(%rcx)
    movq %r13, 0xe0(%rcx)
    movq %r14, 0xe8(%rcx)
    movq %r15, 0xf0(%rcx)
    movq 8(%rsp), %rax
    movq %rax, 0xf8(%rcx)
    fxsave 0x100(%rcx)
    stmxcsr 0x34(%rcx)
    movw %cs, 0x38(%rcx)
    movw %ds, 0x3a(%rcx)
    movw %es, 0x3c(%rcx)
    movw %fs, 0x3e(%rcx)
    movw %gs, 0x40(%rcx)
    movw %ss, 0x42(%rcx)
    movl (%rsp), %eax
    movl %eax, 0x44(%rcx)
    movl $0x10000f, 0x30(%rcx)
    movq 0x78(%rcx), %rax
    addq $8, %rsp
    retq
    .seh_endproc

# Keeps its arguments where a debugger looks for them, captures its caller's registers as they were at its first
# instruction, and never returns.
PROC KeBugCheckEx
    movq %rcx, 8(%rsp)
    movq %rdx, 0x10(%rsp)
    movq %r8, 0x18(%rsp)
    movq %r9, 0x20(%rsp)
    pushfq
    .seh_stackalloc 8
    subq $0x30, %rsp
    .seh_stackalloc 0x30
    .seh_endprologue
    cli
    movq %rax, 0x28(%rsp)
    movq %gs:0x20, %rcx
    movq 0x85c0(%rcx), %rcx
    callq RtlCaptureContext
    movq %gs:0x20, %rcx
    movq 0x85c0(%rcx), %rcx
    movq 0x28(%rsp), %rax
    movq %rax, 0x78(%rcx)
    movq 0x40(%rsp), %rax
    movq %rax, 0x80(%rcx)
    movl 0x30(%rsp), %eax
    movl %eax, 0x44(%rcx)
    leaq 0x38(%rsp), %rax
    movq %rax, 0x98(%rcx)
    leaq KeBugCheckEx(%rip), %rax
    movq %rax, 0xf8(%rcx)
    movl 0x40(%rsp), %ecx
    movq 0x48(%rsp), %rdx
    movq 0x50(%rsp), %r8
    movq 0x58(%rsp), %r9
    movq 0x60(%rsp), %rax
    movq %rax, 0x20(%rsp)
    movq $0, 0x28(%rsp)
    callq KeBugCheck2
    int3
    .seh_endproc

# Leaf functions: no unwind information, return address at rsp.
    .globl DbgBreakPointWithStatus
    .p2align 4, 0xcc
DbgBreakPointWithStatus:
    .globl RtlpBreakWithStatusInstruction
RtlpBreakWithStatusInstruction:
    int3
    retq

# Every indirect call of the C code goes through here, with its target in rax, as in kernels built with control flow guard.
    .globl guard_dispatch_icall
    .p2align 4, 0xcc
guard_dispatch_icall:
    jmpq *%rax

    .section .rdata, "dr"
    .globl __guard_dispatch_icall_fptr
    .p2align 3
__guard_dispatch_icall_fptr:
    .quad guard_dispatch_icall
    .globl KiServiceTable
    .globl KiServiceLimit
KiServiceTable:
    .zero 7 * 8
    .quad NtDeviceIoControlFile
KiServiceLimit:
    .long 8

# The program that QEMU's processor runs: it enters long mode, then takes one record after another: fills the memory
# windows and all registers from it, goes to the instruction under test by iretq, and comes back through the IDT, since
# every test ends in an exception (int3 where nothing else happened), on a stack of its own (IST). Layouts: intel SDM
# volume 3, 2.5 (control registers), 3.4.5 (descriptors), 6.14 (64-bit interrupts), 8.7 (TSS). The numbers that it
# shares with the host are in machine.ts.
.intel_syntax noprefix

.set HIGH, 0xffff900000000000    # all of RAM, for this program alone
.set TSS, 0x8000
.set IDT, 0x9000
.set STACK_TOP, 0xb000
.set PML4, 0x10000
.set LOW_PTE_OF_BOOT, 0x13000 + 7 * 8

# rcx quadwords between the window at an address and the record at rbp: into the window when dl is 1.
.macro WINDOW address
    movabs rsi, \address
    mov rdi, rbp
    lea rbp, [rbp + rcx * 8]
    test dl, dl
    jz 1f
    xchg rsi, rdi
1:  rep movsq
.endm

.macro copy_windows
    mov ecx, 32                  # A: the end of one page and the start of the next
    WINDOW 0xfffff80012340f80
    mov ecx, 32                  # S: the stack
    WINDOW 0xfffff80012344780
    mov ecx, 8                   # B: the end of the page before nothing
    WINDOW 0xfffff80012341fc0
    mov ecx, 8                   # R: read-only; written through the mapping of all RAM
    WINDOW 0xffff900000026000
    mov ecx, 8                   # L: in a large page
    WINDOW 0x2a0000
.endm

.code16
boot:
    cli
    .byte 0x2e, 0x0f, 0x01, 0x16     # lgdt cs:[gdt_pointer]
    .word 0x7000 + gdt_pointer - boot
    mov eax, 0x668
    mov cr4, eax
    mov eax, PML4
    mov cr3, eax
    mov ecx, 0xc0000080          # EFER: SCE, LME, NXE
    mov eax, 0x901
    xor edx, edx
    wrmsr
    mov eax, 0x80050033
    mov cr0, eax
    .byte 0x66, 0xea             # ljmp 0x10:long_mode
    .long 0x7000 + long_mode - boot
    .word 0x10

.p2align 3
gdt:                             # selectors as 64-bit Windows has them
    .quad 0
    .quad 0
    .quad 0x00209b0000000000     # 0x10: 64-bit code
    .quad 0x00cf93000000ffff     # 0x18: data
    .quad 0
    .quad 0x00cff3000000ffff     # 0x28: data of ring 3
    .quad 0x0020fb0000000000     # 0x30: 64-bit code of ring 3
    .quad 0
    .quad 0x0000890080000067     # 0x40: TSS at HIGH + 0x8000
    .quad 0x00000000ffff9000
    .quad 0x00cff3000000ffff     # 0x50: data of ring 3
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long 0x7000 + gdt - boot
.p2align 3
gdt_pointer_high:
    .word gdt_end - gdt - 1
    .quad HIGH + 0x7000 + gdt - boot
idt_pointer:
    .word 0xfff
    .quad HIGH + IDT

.code64
long_mode:
    .byte 0x48, 0xb8             # movabs rax, high
    .quad HIGH + 0x7000 + high - boot
    jmp rax
high:
    lgdt [rip + gdt_pointer_high]
    mov eax, 0x18
    mov ss, eax
    mov eax, 0x2b
    mov ds, eax
    mov es, eax
    mov gs, eax
    mov eax, 0x53
    mov fs, eax
    movabs rbx, HIGH
    lea rax, [rbx + STACK_TOP]
    mov [rbx + TSS + 0x24], rax  # IST1
    mov word ptr [rbx + TSS + 0x66], 0x68  # no port for ring 3
    mov eax, 0x40
    ltr ax
    lea rdi, [rbx + IDT]
    lea rsi, [rip + vectors]
    mov ecx, 32
gate:
    mov rax, rsi
    mov word ptr [rdi], ax
    mov dword ptr [rdi + 2], 0xee010010    # selector 0x10, IST 1, interrupt gate for all rings
    shr rax, 16
    mov word ptr [rdi + 6], ax
    shr rax, 16
    mov dword ptr [rdi + 8], eax
    add rdi, 16
    add rsi, 16
    dec ecx
    jnz gate
    lidt [rip + idt_pointer]
    mov ecx, 0xc0000101          # GS base: window A
    mov eax, 0x12340f80
    mov edx, 0xfffff800
    wrmsr
    dec ecx                      # FS base: window S
    mov eax, 0x12344780
    wrmsr
    mov qword ptr [rbx + LOW_PTE_OF_BOOT], 0
    mov rax, cr3
    mov cr3, rax
    jmp done

# The host's breakpoint; it writes a batch and goes on behind it.
.org 0x200
done:
    nop
    jmp load
.org 0x208
in_record:
    .quad 0
out_record:
    .quad 0
count:
    .quad 0

.p2align 4
vectors:
.set vector, 0
.rept 32
    .p2align 4
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    push 0
    .endif
    push vector
    jmp save
    .set vector, vector + 1
.endr

save:
    push rax
    mov rax, [rip + out_record]
    mov [rax + 0x08], rcx
    mov [rax + 0x10], rdx
    mov [rax + 0x18], rbx
    mov [rax + 0x28], rbp
    mov [rax + 0x30], rsi
    mov [rax + 0x38], rdi
    mov [rax + 0x40], r8
    mov [rax + 0x48], r9
    mov [rax + 0x50], r10
    mov [rax + 0x58], r11
    mov [rax + 0x60], r12
    mov [rax + 0x68], r13
    mov [rax + 0x70], r14
    mov [rax + 0x78], r15
    pop qword ptr [rax + 0x00]
    pop qword ptr [rax + 0x90]   # vector
    pop qword ptr [rax + 0x98]   # error code
    pop qword ptr [rax + 0x80]   # rip
    pop qword ptr [rax + 0xb0]   # cs
    pop qword ptr [rax + 0x88]   # rflags
    pop qword ptr [rax + 0x20]   # rsp
    mov rcx, cr2
    mov [rax + 0xa0], rcx
    stmxcsr [rax + 0xa8]
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movups [rax + 0x100 + \n * 16], xmm\n
    .endr
    cld
    lea rbp, [rax + 0x200]
    xor edx, edx
    copy_windows
    add qword ptr [rip + out_record], 0x500
    add qword ptr [rip + in_record], 0x500
    dec qword ptr [rip + count]
    jz done

load:
    movabs rsp, HIGH + STACK_TOP
    cld
    xor eax, eax
    mov cr2, rax
    mov cr8, rax
    mov rax, [rip + in_record]
    lea rbp, [rax + 0x200]
    mov dl, 1
    copy_windows
    ldmxcsr [rax + 0xa8]
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movups xmm\n, [rax + 0x100 + \n * 16]
    .endr
    push qword ptr [rax + 0xb8]  # ss
    push qword ptr [rax + 0x20]
    push qword ptr [rax + 0x88]
    push qword ptr [rax + 0xb0]
    push qword ptr [rax + 0x80]
    mov rcx, [rax + 0x08]
    mov rdx, [rax + 0x10]
    mov rbx, [rax + 0x18]
    mov rbp, [rax + 0x28]
    mov rsi, [rax + 0x30]
    mov rdi, [rax + 0x38]
    mov r8, [rax + 0x40]
    mov r9, [rax + 0x48]
    mov r10, [rax + 0x50]
    mov r11, [rax + 0x58]
    mov r12, [rax + 0x60]
    mov r13, [rax + 0x68]
    mov r14, [rax + 0x70]
    mov r15, [rax + 0x78]
    mov rax, [rax + 0x00]
    iretq

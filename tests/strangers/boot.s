# A boot sector: by INT 13h it reads 64 sectors from sector 1 on and writes them to sector 2048 on. What it did it writes to port 0xe9, where
# QEMU's isa-debugcon listens.
.code16
.text
.globl _start
_start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
    sti
    cld
    movb %dl, drive
    movb $0x42, %ah             # extended read
    call disk
    movw $was_read, %si
    call print
    movl $2048, packet_lba
    movb $0x43, %ah             # extended write, without verify: al is 0
    call disk
    movw $was_written, %si
    call print
stop:
    cli
    hlt
    jmp stop

disk:                           # ah: function of INT 13h
    xorb %al, %al
    movb drive, %dl
    movw $packet, %si
    int $0x13
    jc failed
    ret

failed:                         # ah: status
    movw $has_failed, %si
    call print
    jmp stop

print:                          # si: text
    lodsb
    testb %al, %al
    jz 1f
    outb %al, $0xe9
    jmp print
1:  ret

was_read:    .asciz "READ "
was_written: .asciz "WRITTEN\n"
has_failed:  .asciz "FAILED\n"
drive:       .byte 0
.balign 4
packet:      .byte 16, 0        # disk address packet
             .word 64           # sectors
             .word 0, 0x1000    # to 1000:0000
packet_lba:  .quad 1
.org 510
             .word 0xaa55

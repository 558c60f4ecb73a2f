// What only a kernel does, rings, ports, faults, and code that changes code, as templates of forms.ts (Intel SDM volumes 2
// and 3). What the harness of QEMU has set up and our processor has not cannot be compared: see uncompared.ts.
import { AF, alone, FLAGS, type Form, form, STATUS, WIDE } from './forms.ts'

/** Code that changes code: the instruction after it, one in a later block, its own loop, every time another. */
function* selfModifying(): Iterable<Form> {
  const pointAtLabel = '.byte 0x48, 0xb8\n.quad code_alias + (1f - code)' // movabs rax, where 1: can be written
  const increment = '1: .byte 0x48, 0xff, 0xc1' // inc rcx; with REX.B inc r9
  for (const store of [
    'mov byte ptr [rax], 0x49',
    'xor byte ptr [rax], 1',
    'mov word ptr [rax], 0xff49',
    'xor qword ptr [rax], 1',
    'mov ebx, 0x49\nxchg byte ptr [rax], bl',
    'lock inc byte ptr [rax]\nand byte ptr [rax], 0x49',
    'mov rdi, rax\nmov al, 0x49\ncld\nstosb',
    'mov edx, [rax]\nxor edx, 1\nlea rsp, [rax + 8]\nmov [rax], edx',
    'movd xmm0, [rax]\npcmpeqd xmm1, xmm1\npsrld xmm1, 31\npxor xmm0, xmm1\nmovss [rax], xmm0',
  ]) {
    yield alone(`${pointAtLabel}\n${store}\n${increment}`, AF)
    yield alone(`${pointAtLabel}\n${store}\njmp 2f\nint3\n2: nop\n${increment}`, AF)
    yield alone(`mov ebp, 5\n3: ${pointAtLabel}\n${store}\n${increment}\ndec ebp\njne 3b`, AF)
  }
}

/** What a kernel does, as far as it can be compared: descriptor tables and time stamps differ. */
function* kernel(): Iterable<Form> {
  for (const segment of ['cs', 'ss', 'ds', 'es', 'fs', 'gs']) {
    for (const width of WIDE) yield form(`mov R${width}, ${segment}`)
    yield form(`mov M16, ${segment}`)
  }
  for (const register of ['cr0', 'cr2', 'cr3', 'cr4']) yield alone(`mov rax, ${register}`)
  yield alone('mov rax, cr3\nmov cr3, rax')
  yield alone('iretq', 0, 'interruptFrame')
  // LSTAR, STAR, FMASK; then in, and what it finds; QEMU 7.2 clears all arithmetic flags and DF, whatever the mask says
  yield alone(
    `mov ecx, 0xc0000082\nlea rax, [rip + 1f]\nmov rdx, rax\nshr rdx, 32\nwrmsr
    dec ecx\nmov edx, 0x230010\nxor eax, eax\nwrmsr
    mov ecx, 0xc0000084\nmov eax, MASK\nxor edx, edx\nwrmsr
    popfq\nsyscall\nint3\n1: mov eax, cs\nmov edx, ss`,
    FLAGS,
    'savedFlags',
  )
}

function* descriptorTables(): Iterable<Form> {
  // what the two hold differs: it is overwritten, and with it that ten bytes were stored shows
  for (const name of ['gdt', 'idt']) {
    const overwrite = 'mov qword ptr [rsp + 2], rcx\nmov word ptr [rsp], cx'
    yield alone(`s${name} [rsp]\n${overwrite}`)
    yield alone(`s${name} [rsp]\nl${name} [rsp]\n${overwrite}`, 0, 'ringZero')
    yield alone(`l${name} [rsp - 0x100000]`)
  }
  for (const prefix of ['', '0x66, ', '0x48, ']) {
    yield form(`.byte ${prefix}0x0f, 0x00, 0xc0 | REG`) // sldt
    yield form(`.byte ${prefix}0x0f, 0x00, BASE16`)
    yield alone(`xor eax, eax\n.byte ${prefix}0x0f, 0x00, 0xd0`) // lldt ax
    yield alone(`mov word ptr [rsp], 0\n.byte ${prefix}0x0f, 0x00, 0x14, 0x24`) // lldt [rsp]
  }
  yield alone('cli\npushfq\nsti\npushfq\ncli\npop rax\npop rbx')
  yield alone('invlpg M8')
  yield alone('invlpg [rsp]')
  for (const name of ['clflush', 'clflushopt', 'clwb']) yield form(`${name} M8`)
  yield alone('wbinvd')
  for (const number of [0, 1, 2, 3, 6])
    yield alone(`and ecx, 0x7ff\nmov dr${number}, rcx\nmov rbx, dr${number}`, STATUS)
  yield alone('mov rbx, dr4', STATUS)
  yield alone('mov dr5, rbx', STATUS)
  yield alone('mov eax, 0x400\nmov dr7, rax\nmov rbx, dr7', STATUS)
}

/** In a page that is not compared; then the modelled part of it is read back. */
function* floatingPointArea(): Iterable<Form> {
  const at = (offset: number): string => `[0x2c1000 + ${offset}]`
  yield alone(`fxsave ${at(0)}\nmov eax, ${at(24)}\nmovups xmm1, ${at(0xa0)}\nmovups xmm2, ${at(0x190)}`)
  yield alone(
    `fxsave ${at(0)}\nmovups ${at(0xb0)}, xmm7\nmovups ${at(0x130)}, xmm8\npcmpeqb xmm9, xmm9\nfxrstor ${at(0)}`,
  )
  yield alone(`fxsave ${at(8)}`)
  yield alone(`fxrstor ${at(4)}`)
  yield alone('fxsave [0x12345670]')
}

/** Configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2), asked for a function that no machine has; the POST port. */
function* ports(): Iterable<Form> {
  const select = 'mov edx, 0xcf8\nmov eax, 0x8000f900\n'
  yield alone(`${select}out dx, eax\nxor eax, eax\nin eax, dx\nmov ebx, eax\nmov edx, 0xcfc\nin eax, dx`)
  yield alone(`${select}out dx, eax\nmov edx, 0xcfc\nin ax, dx\nmov ebx, eax\nmov edx, 0xcfe\nin al, dx`)
  yield alone(`${select}out dx, eax\nmov edx, 0xcfc\nout dx, eax\nout dx, ax\nout dx, al`)
  for (const operand of ['al', 'ax', 'eax']) {
    yield alone(`out 0x80, ${operand}`)
    yield alone(`in ${operand}, 0xe0`)
  }
  for (const size of ['b', 'w', 'd']) {
    for (const prefix of ['', 'rep ']) {
      yield alone(`${select}out dx, eax\nmov edx, 0xcfc\n${prefix}ins${size}`, 0, 'strings')
      yield alone(`mov edx, 0x80\n${prefix}outs${size}`, 0, 'strings')
    }
  }
  yield alone(
    'mov edx, 0xcf8\nor dword ptr [rsi], 0x80000000\nand dword ptr [rsi], 0x80fffffc\noutsd\nin eax, dx',
    0,
    'strings',
  )
}

/** Out of ring 0 and what ring 3 may do there: the code goes on at its own address in the lower half. */
function* ringThree(): Iterable<Form> {
  const leave = `mov ecx, 0xc0000081\nmov edx, 0x230010\nxor eax, eax\nwrmsr
    pop r11\nlea rcx, [rip + 1f]\nmov ecx, ecx`
  for (const then of [
    'mov eax, cs\nmov edx, ss\npushfq',
    'mov esp, 0x34800\nmov rbx, [rsp]\nmov [rsp - 8], rbx',
    'mov rbx, [rsp]',
    'mov [rsp], rbx',
    'mov esp, 0x34800\npopfq\npushfq\npop rax',
    'mov byte ptr [0x36000], 1',
    'jmp rsi',
  ]) {
    yield alone(`${leave}\nsysretq\nint3\n1: ${then}`, 0, 'savedFlags')
  }
  // and back
  yield alone(
    `mov ecx, 0xc0000082\nlea rax, [rip + 2f]\nmov rdx, rax\nshr rdx, 32\nwrmsr
    mov ecx, 0xc0000084\nxor eax, eax\nxor edx, edx\nwrmsr
    ${leave}\nsysretq\nint3\n1: syscall\nint3\n2: mov eax, cs\nmov edx, ss\nmov rbx, [rsp]`,
    FLAGS,
    'savedFlags',
  )
}

function* faults(): Iterable<Form> {
  yield alone('ud2')
  yield alone('ud1 R32, R32')
  yield alone('.byte 0x06')
  yield alone('lock nop')
  yield alone('mov ecx, 0xc0000101\nrdmsr') // GS base, FS base, EFER
  yield alone('mov ecx, 0xc0000100\nrdmsr')
  yield alone('mov ecx, 0xc0000080\nrdmsr')
  yield alone('mov ecx, 0xc0000102\nxor edx, edx\nwrmsr\nrdmsr')
  yield alone('swapgs\nswapgs\nmov rax, gs:[0x10]')
  yield alone('.byte 0xf0, 0x01, 0xc0')
  yield alone('mov rax, cr8')
  yield alone('mov cr8, rax', 0, 'priority')
  yield alone('mov cr8, rax\nmov rbx, cr8', 0, 'priority')
}

export const KERNEL_FORMS: readonly Form[] = [
  ...selfModifying(),
  ...kernel(),
  ...descriptorTables(),
  ...floatingPointArea(),
  ...ports(),
  ...ringThree(),
  ...faults(),
]

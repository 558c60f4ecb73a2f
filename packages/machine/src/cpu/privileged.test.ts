import { gva } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { Gpr } from './cpu.ts'
import { CpuStop } from './stop.ts'
import { CODE, DATA, STACK, testCpu } from './test-cpu.ts'

const bytes = (...lines: readonly string[]): number[] =>
  lines.flatMap((line) => line.split(' ').map((digits) => Number.parseInt(digits, 16)))

/** Runs from CODE until it stops; the code ends with hlt. */
function runToHalt(
  code: readonly number[],
  prepare: (cpu: ReturnType<typeof testCpu>['cpu']) => void = () => {},
) {
  const { cpu } = testCpu(code)
  prepare(cpu)
  cpu.rip = CODE
  expect(() => cpu.run()).toThrowError(expect.objectContaining({ code: 'CPU_STOP', reason: 'halted' }))
  return cpu
}
const quad = (cpu: ReturnType<typeof testCpu>['cpu'], at: bigint): bigint => {
  const into = new Uint8Array(8)
  expect(cpu.read(gva(at), into)).toBe(8)
  return new DataView(into.buffer).getBigUint64(0, true)
}

it('enters a system call at LSTAR and comes back with sysretq (SDM volume 2)', () => {
  // mov ecx,0xc0000082; mov eax,<CODE+0x40>; mov edx,0xfffff800; wrmsr; mov ecx,0xc0000081; xor eax,eax; mov edx,0x230010;
  // wrmsr; mov ecx,0xc0000084; mov eax,0x200; xor edx,edx; wrmsr; sti; syscall; hlt
  const code = bytes(
    'b9 82 00 00 c0 b8 40 10 00 00 ba 00 f8 ff ff 0f 30',
    'b9 81 00 00 c0 31 c0 ba 10 00 23 00 0f 30',
    'b9 84 00 00 c0 b8 00 02 00 00 31 d2 0f 30 fb 0f 05 f4',
  )
  const back = code.length - 1
  while (code.length < 0x40) code.push(0xcc)
  // pushfq; pop rbx; mov esi,cs; mov edi,ss; sysretq (48 0f 07)
  code.push(...bytes('9c 5b 8c ce 8c d7 48 0f 07'))
  const cpu = runToHalt(code)
  expect(cpu.rip).toBe(CODE + BigInt(back))
  expect(cpu.readGpr(Gpr.rcx)).toBe(CODE + BigInt(back))
  expect(cpu.readGpr(Gpr.rbx) & 0x200n).toBe(0n)
  expect(cpu.readGpr(Gpr.r11) & 0x200n).toBe(0x200n)
  expect(cpu.rflags & 0x200).toBe(0x200)
  expect([cpu.readGpr(Gpr.rsi), cpu.readGpr(Gpr.rdi)]).toEqual([0x10n, 0x18n])
})

it('returns from an interrupt to where the machine frame says, selectors and flags included', () => {
  // push 0x2b; push 0x1234; push 0x246; push 0x33; lea rax,[rip+3]; push rax; iretq; mov eax,cs; mov ebx,ss; hlt
  const code = bytes('6a 2b 68 34 12 00 00 68 46 02 00 00 6a 33 48 8d 05 03 00 00 00 50 48 cf 8c c8 8c d3 f4')
  const cpu = runToHalt(code)
  expect([cpu.readGpr(Gpr.rax), cpu.readGpr(Gpr.rbx), cpu.readGpr(Gpr.rsp)]).toEqual([0x33n, 0x2bn, 0x1234n])
  expect(cpu.rflags).toBe(0x246)
})

it('keeps descriptor table registers and stores them again', () => {
  // lgdt [rcx]; sgdt [rcx+10h]; lidt [rcx]; sidt [rcx+20h]; mov eax,40h; ltr ax; str bx; hlt
  const code = bytes('0f 01 11 0f 01 41 10 0f 01 19 0f 01 49 20 b8 40 00 00 00 0f 00 d8 66 0f 00 cb f4')
  const table = Uint8Array.of(0x57, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x80, 0xff, 0xff)
  const cpu = runToHalt(code, (one) => {
    one.write(DATA, table)
    one.writeGpr(Gpr.rcx, DATA)
  })
  for (const at of [0x10n, 0x20n]) {
    const stored = new Uint8Array(10)
    cpu.read(gva(DATA + at), stored)
    expect(stored).toEqual(table)
  }
  expect(cpu.readGpr(Gpr.rbx)).toBe(0x40n)
})

it('saves and restores xmm registers, control words and mask in their places', () => {
  // fxsave [rcx]; hlt
  const cpu = runToHalt(bytes('0f ae 01 f4'), (one) => {
    one.writeGpr(Gpr.rcx, DATA)
    one.xmm(15).fill(0xab)
  })
  expect(quad(cpu, DATA) & 0xffffn).toBe(0x27fn)
  expect(quad(cpu, DATA + 24n)).toBe(0x0000ffff_00001f80n)
  expect(quad(cpu, DATA + 0xa0n + 15n * 16n)).toBe(0xabababababababn | (0xabn << 56n))
  const misaligned = testCpu(bytes('0f ae 01 f4')).cpu
  misaligned.writeGpr(Gpr.rcx, DATA + 8n)
  misaligned.rip = CODE
  expect(() => misaligned.run()).toThrowError(expect.objectContaining({ reason: 'generalProtection' }))
})

it('plays a second processor inside a trap and goes on with the first', () => {
  // call rbx; add rax,1; hlt — and at +10h: mov ecx,7; hlt
  const code = bytes('ff d3 48 83 c0 01 f4')
  while (code.length < 0x10) code.push(0xcc)
  code.push(...bytes('b9 07 00 00 00 f4'))
  const { cpu } = testCpu(code)
  const target = gva(DATA + 0x100n)
  cpu.trap(target, 1, () => {
    const mine = cpu.saveState()
    cpu.rip = gva(CODE + 0x10n)
    cpu.writeGpr(Gpr.rsp, STACK - 0x800n)
    expect(() => cpu.run()).toThrowError(CpuStop)
    expect(cpu.readGpr(Gpr.rcx)).toBe(7n)
    cpu.restoreState(mine)
    return 41n
  })
  cpu.writeGpr(Gpr.rbx, target)
  cpu.writeGpr(Gpr.rcx, 1n)
  cpu.rip = CODE
  const before = cpu.budget.instructions
  expect(() => cpu.run()).toThrowError(expect.objectContaining({ reason: 'halted' }))
  expect([cpu.readGpr(Gpr.rax), cpu.readGpr(Gpr.rcx)]).toEqual([42n, 1n])
  expect(before - cpu.budget.instructions).toBe(cpu.instructionCount)
})

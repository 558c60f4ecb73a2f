import { gva } from '@dumpstack/bytes'
import { describe, expect, it } from 'vitest'
import { CODE, CODE_GPA, DATA, DATA_GPA, STACK, stopOf, testCpu } from './cpu.test-support.ts'
import { type CpuStopReason, Gpr } from './cpu.ts'
import { CpuStop } from './stop.ts'

const bytes = (...lines: readonly string[]): number[] =>
  lines.flatMap((line) => line.split(' ').map((digits) => Number.parseInt(digits, 16)))

type Prepare = (cpu: ReturnType<typeof testCpu>['cpu']) => void

/** Runs from CODE, a page of ring 3 where its bits say so, until it stops. */
function runTo(
  reason: CpuStopReason,
  code: readonly number[],
  prepare: Prepare = () => {},
  pageBits = 0x63n,
) {
  const { cpu, map } = testCpu(code)
  map(CODE, BigInt(CODE_GPA) | pageBits)
  prepare(cpu)
  cpu.rip = CODE
  expect(stopOf(() => cpu.run()).reason).toBe(reason)
  return cpu
}
const runToHalt = (code: readonly number[], prepare?: Prepare) => runTo('halted', code, prepare)
/** The code ends with int3 in ring 3. */
const runToUserBreak = (code: readonly number[]) => runTo('debugBreak', code, () => {}, USER_PAGE)
const USER_PAGE = 0x67n
const quad = (cpu: ReturnType<typeof testCpu>['cpu'], at: bigint): bigint => {
  const into = new Uint8Array(8)
  expect(cpu.read(gva(at), into)).toBe(8)
  return new DataView(into.buffer).getBigUint64(0, true)
}

it('enters a system call at LSTAR and comes back with sysretq (SDM volume 2)', () => {
  // mov ecx,0xc0000082; mov eax,<CODE+0x40>; mov edx,0xfffff800; wrmsr; mov ecx,0xc0000081; xor eax,eax; mov edx,0x230010;
  // wrmsr; mov ecx,0xc0000084; mov eax,0x200; xor edx,edx; wrmsr; sti; syscall; int3
  const code = bytes(
    'b9 82 00 00 c0 b8 40 10 00 00 ba 00 f8 ff ff 0f 30',
    'b9 81 00 00 c0 31 c0 ba 10 00 23 00 0f 30',
    'b9 84 00 00 c0 b8 00 02 00 00 31 d2 0f 30 fb 0f 05 cc',
  )
  const back = code.length - 1
  while (code.length < 0x40) code.push(0xcc)
  // pushfq; pop rbx; mov esi,cs; mov edi,ss; sysretq (48 0f 07)
  code.push(...bytes('9c 5b 8c ce 8c d7 48 0f 07'))
  const cpu = runToUserBreak(code)
  expect(cpu.rip).toBe(CODE + BigInt(back))
  expect(cpu.readGpr(Gpr.rcx)).toBe(CODE + BigInt(back))
  expect(cpu.readGpr(Gpr.rbx) & 0x200n).toBe(0n)
  expect(cpu.readGpr(Gpr.r11) & 0x200n).toBe(0x200n)
  expect(cpu.rflags & 0x200).toBe(0x200)
  expect([cpu.readGpr(Gpr.rsi), cpu.readGpr(Gpr.rdi)]).toEqual([0x10n, 0x18n])
})

it('returns from an interrupt to where the machine frame says, selectors and flags included', () => {
  // push 0x2b; push 0x1234; push 0x246; push 0x33; lea rax,[rip+3]; push rax; iretq; mov eax,cs; mov ebx,ss; int3
  const code = bytes('6a 2b 68 34 12 00 00 68 46 02 00 00 6a 33 48 8d 05 03 00 00 00 50 48 cf 8c c8 8c d3 cc')
  const cpu = runToUserBreak(code)
  expect([cpu.readGpr(Gpr.rax), cpu.readGpr(Gpr.rbx), cpu.readGpr(Gpr.rsp)]).toEqual([0x33n, 0x2bn, 0x1234n])
  expect(cpu.rflags).toBe(0x246)
})

describe('ring 3', () => {
  const attempt = (code: string, pageBits = USER_PAGE) => {
    // push 0x2b; push 0x1234; push 0x202; push 0x33; lea rax,[rip+3]; push rax; iretq
    const enter = '6a 2b 68 34 12 00 00 68 02 02 00 00 6a 33 48 8d 05 03 00 00 00 50 48 cf'
    const { cpu, map } = testCpu(bytes(enter, code))
    map(CODE, BigInt(CODE_GPA) | USER_PAGE)
    map(DATA, BigInt(DATA_GPA) | pageBits)
    cpu.writeGpr(Gpr.rcx, DATA)
    cpu.rip = CODE
    return stopOf(() => cpu.run())
  }

  it.each([
    ['hlt', 'f4'],
    ['cli', 'fa'],
    ['sti', 'fb'],
    ['in al, dx', 'ec'],
    ['outsb', '6e'],
    ['mov rax, cr3', '0f 20 d8'],
    ['mov cr8, rax', '44 0f 22 c0'],
    ['mov rax, dr7', '0f 21 f8'],
    ['rdmsr', '0f 32'],
    ['wrmsr', '0f 30'],
    ['swapgs', '0f 01 f8'],
    ['lidt [rcx]', '0f 01 19'],
    ['ltr ax', '0f 00 d8'],
    ['invlpg [rcx]', '0f 01 39'],
    ['wbinvd', '0f 09'],
    ['sysretq', '48 0f 07'],
  ])('is refused %s', (_name, code) => {
    expect(attempt(code).reason).toBe('generalProtection')
  })

  it('is refused pages that are not its own, with the error code of SDM volume 3, 4.7', () => {
    expect(attempt('8b 01 cc').reason).toBe('debugBreak')
    const fault = attempt('8b 01', 0x63n)
    expect([fault.reason, fault.present, fault.errorCode]).toEqual(['pageFault', true, 5])
    expect(fault.message).toMatch(/is not allowed in ring 3/)
    expect(attempt('89 01', 0x65n).errorCode).toBe(7)
    expect(attempt('89 01', 0x67n | (1n << 51n)).errorCode).toBe(0xf)
  })

  it('leaves the interrupt flag as it is (volume 2, POPF)', () => {
    // lea rsp,[rcx+100h]; push 0x46; popfq; pushfq; pop rax; int3
    const { cpu, map } = testCpu(
      bytes(
        '6a 2b 68 34 12 00 00 68 02 02 00 00 6a 33 48 8d 05 03 00 00 00 50 48 cf 48 8d a1 00 01 00 00 6a 46 9d cc',
      ),
    )
    map(CODE, BigInt(CODE_GPA) | USER_PAGE)
    map(DATA, BigInt(DATA_GPA) | USER_PAGE)
    cpu.writeGpr(Gpr.rcx, DATA)
    cpu.rip = CODE
    expect(stopOf(() => cpu.run()).reason).toBe('debugBreak')
    expect(cpu.rflags).toBe(0x246)
  })
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

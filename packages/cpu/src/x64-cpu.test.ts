import { gva, Interrupted } from '@dumpstack/bytes'
import { describe, expect, it } from 'vitest'
import { CODE, DATA, hexBytes, STACK, stopOf, testCpu } from './cpu.test-support.ts'
import { Gpr } from './cpu.ts'
import { CALL_BUDGET } from './meter.ts'
import { REGISTER_GPA } from './test-world.test-support.ts'

const TRAPS = gva(0xfffff80070000000n)

it('runs a function and answers rax', () => {
  const { cpu } = testCpu(hexBytes('48 8d 44 91 05', 'c3')) // lea rax, [rcx+rdx*4+5]; ret
  expect(cpu.call(CODE, [0x1_0000_0000n, 0xffff_ffffn])).toBe(0x1_0000_0000n + 0xffff_ffffn * 4n + 5n)
  expect(cpu.instructionCount).toBe(2)
})

it.each([
  ['setb', '0f 92 c0', 1n],
  ['setae', '0f 93 c0', 0n],
  ['setbe', '0f 96 c0', 1n],
  ['seta', '0f 97 c0', 0n],
])(
  '%s sees the carry that bt left, in the block of the instruction that set the other flags',
  (_name, code, set) => {
    // xor eax, eax; cmp ecx, -1; bt ecx, 3; setcc al; ret
    const { cpu } = testCpu(hexBytes('31 c0 83 f9 ff 0f ba e1 03', code, 'c3'))
    expect(cpu.call(CODE, [8n])).toBe(set)
    expect(cpu.call(CODE, [7n])).toBe(1n - set)
  },
)

it('passes arguments as Windows does and puts back rsp and rip', () => {
  // mov rbx, rcx; mov r12, rdx; mov rax, [rsp+0x30]; add rax, r9; ret
  const { cpu } = testCpu(hexBytes('48 89 cb 49 89 d4', '48 8b 44 24 30 4c 01 c8 c3'))
  cpu.writeGpr(Gpr.rsp, STACK - 24n)
  cpu.rip = DATA
  expect(cpu.call(CODE, [1n, 2n, 3n, 40n, 500n, 6000n])).toBe(6040n)
  expect(cpu.readGpr(Gpr.rbx)).toBe(1n)
  expect(cpu.readGpr(Gpr.r12)).toBe(2n)
  expect(cpu.readGpr(Gpr.rsp)).toBe(STACK - 24n)
  expect(cpu.rip).toBe(DATA)
})

it('calls trap handlers with their slot and arguments, nested calls included', () => {
  // push rbx; sub rsp, 0x20; mov rbx, rcx; call rdx; lea rax, [rax+rbx]; add rsp, 0x20; pop rbx; ret
  const { cpu } = testCpu(hexBytes('53 48 83 ec 20 48 89 cb ff d2', '48 8d 04 18 48 83 c4 20 5b c3'))
  const seen: bigint[] = []
  cpu.trap(TRAPS, 4, (slot) => {
    seen.push(BigInt(slot), cpu.argument(0), cpu.returnAddress)
    if (cpu.argument(0) === 1n) return 100n
    return cpu.call(CODE, [cpu.argument(0) - 1n, TRAPS + 16n]) + 1000n
  })
  expect(cpu.call(CODE, [3n, gva(TRAPS + 48n)])).toBe(3n + 1000n + 2n + 1000n + 1n + 100n)
  const back = CODE + 10n
  expect(seen).toEqual([3n, 3n, back, 1n, 2n, back, 1n, 1n, back])
})

it('refuses traps that overlap others', () => {
  const { cpu } = testCpu([0xc3])
  cpu.trap(TRAPS, 4, () => 0n)
  expect(() => cpu.trap(gva(TRAPS + 48n), 1, () => 0n)).toThrow(/overlap/)
})

it('bounds the depth of nested calls', () => {
  const { cpu } = testCpu(hexBytes('48 83 ec 28', 'ff d1', '48 83 c4 28', 'c3')) // sub rsp, 28h; call rcx; add; ret
  cpu.trap(TRAPS, 1, () => cpu.call(CODE, [TRAPS]))
  expect(stopOf(() => cpu.call(CODE, [TRAPS])).reason).toBe('callDepth')
  const after = testCpu([0xb8, 5, 0, 0, 0, 0xc3]).cpu
  expect(after.call(CODE, [])).toBe(5n)
})

it('ends an endless loop by its instruction budget, exactly once it is used up', () => {
  const { cpu } = testCpu(hexBytes('eb fe')) // jmp to itself
  cpu.budget.instructions = 1000
  const stop = stopOf(() => cpu.call(CODE, []))
  expect(stop).toMatchObject({ reason: 'instructionBudget', rip: CODE, code: 'CPU_STOP' })
  expect(cpu.instructionCount).toBe(1000)
  expect(cpu.budget.instructions).toBe(0)
})

it('computes 20 million instructions in the time of a processor, and more than any call where it is given more', () => {
  // mov ecx, N; 1: dec ecx; jnz 1b; ret
  const counting = (turns: number) => [
    0xb9,
    ...new Uint8Array(Uint32Array.of(turns).buffer),
    ...hexBytes('ff c9 75 fc c3'),
  ]
  const short = testCpu(counting(10_000_000))
  short.cpu.call(CODE, [])
  expect(short.world.nowNs).toBeLessThan(0.1e9)
  const { cpu } = testCpu(counting(30_000_000))
  cpu.budget.instructions = 70_000_000
  expect(() => cpu.call(CODE, [])).not.toThrow()
  expect(cpu.instructionCount).toBeGreaterThan(CALL_BUDGET.instructions)
})

it.each([
  ['loads cr3', '0f 20 d8', '0f 22 d8', 'eb f8'],
  ['divides 128 bits', '31 d2', '48 c7 c0 ff ff ff ff', '48 f7 f0', 'eb f2'],
  ['calls into the host', 'ff d1', '48 c7 c1 00 00 00 70', 'eb f5'],
])('ends an endless loop early that %s, which takes the host longer', (_what, ...code) => {
  const { cpu } = testCpu(hexBytes(...code))
  cpu.trap(gva(0x70000000n), 1, () => 0n)
  const stop = stopOf(() => cpu.call(CODE, [0x70000000n]))
  expect(stop).toMatchObject({ reason: 'instructionBudget' })
  expect(cpu.instructionCount).toBeLessThan(CALL_BUDGET.instructions / 2)
  expect(cpu.workCount).toBeLessThan(CALL_BUDGET.instructions * 1.01)
})

it('charges a call for what its handler does', () => {
  const { cpu } = testCpu(hexBytes('ff d1', '48 c7 c1 00 00 00 70', 'eb f5'))
  cpu.trap(gva(0x70000000n), 1, () => {
    cpu.charge(1_000_000)
    return 0n
  })
  expect(stopOf(() => cpu.call(CODE, [0x70000000n])).reason).toBe('instructionBudget')
  expect(cpu.instructionCount).toBeLessThan(1000)
})

it('lets time run for code that waits for a number in memory to change', () => {
  // 1: pause; mov rax, [rcx]; cmp rax, 20; jb 1b; ret
  const { cpu, world } = testCpu(hexBytes('f3 90', '48 8b 01', '48 83 f8 14', '72 f5', 'c3'))
  cpu.write(DATA, new Uint8Array(8))
  cpu.onInterval(() => cpu.write(DATA, Uint8Array.of(world.nowNs / 1e9)))
  cpu.call(CODE, [DATA])
  expect(world.nowNs).toBeGreaterThanOrEqual(20e9)
  expect(world.nowNs).toBeLessThan(20.001e9)
  expect(cpu.instructionCount).toBeLessThan(CALL_BUDGET.instructions)
})

it('ends a loop that waits by its stall budget', () => {
  // sub rsp, 0x28; mov rbx, rcx; 1: call rbx; jmp 1b
  const { cpu, world } = testCpu(hexBytes('48 83 ec 28', '48 89 cb', 'ff d3', 'eb fc'))
  cpu.trap(TRAPS, 1, () => {
    world.nowNs += 100_000
    return 0n
  })
  cpu.budget.stallNs = 1_000_000
  expect(stopOf(() => cpu.call(CODE, [TRAPS])).reason).toBe('stallBudget')
  expect(world.nowNs).toBeGreaterThan(1_000_000)
  expect(world.nowNs).toBeLessThan(1_200_000)
})

it('lets time pass while code runs', () => {
  // mov rcx, 0x10000; 1: add rax, 3; dec rcx; jnz 1b; rdtsc; shl rdx, 32; or rax, rdx; ret
  const { cpu, world } = testCpu(
    hexBytes('48 c7 c1 00 00 01 00 48 83 c0 03 48 ff c9 75 f7', '0f 31 48 c1 e2 20 48 09 d0 c3'),
  )
  expect(cpu.call(CODE, [])).toBe(BigInt(1 + 3 * 0x10000))
  expect(world.nowNs).toBe(1 + 3 * 0x10000 + 4)
  expect(cpu.instructionCount).toBe(world.nowNs)
})

it('tells where and why it stopped, with registers as before the instruction', () => {
  // mov eax, 1; push rax; mov ebx, 5; mov rax, [rcx+8]; ret
  const { cpu } = testCpu(hexBytes('b8 01 00 00 00 50 bb 05 00 00 00 48 8b 41 08 c3'))
  const stop = stopOf(() => cpu.call(CODE, [0x1000n]))
  expect(stop).toMatchObject({
    reason: 'pageFault',
    rip: CODE + 11n,
    address: 0x1008n,
    access: 'read',
    present: false,
  })
  expect(stop.bytes.subarray(0, 5)).toEqual(hexBytes('48 8b 41 08 c3'))
  expect(cpu.rip).toBe(CODE + 11n)
  expect(cpu.readGpr(Gpr.rax)).toBe(1n)
  expect(cpu.readGpr(Gpr.rbx)).toBe(5n)
  expect(cpu.instructionCount).toBe(3)
  expect(stop.message).toContain('page fault, read at 0x1008 is not mapped')
})

it.each([
  ['ud2', 'invalidOpcode', '0f 0b'],
  ['an encoding that does not exist', 'invalidOpcode', '06'],
  ['int 3', 'debugBreak', 'cc'],
  ['int 29h', 'fastFail', 'cd 29'],
  ['hlt', 'halted', 'f4'],
  ['div by 0', 'divideError', '31 c9 48 f7 f1'],
  ['vzeroupper', 'notImplemented', 'c5 f8 77'],
  ['fsin', 'notImplemented', 'd9 fe'],
  ['vmcall', 'notImplemented', '0f 01 c1'],
  ['call far [rsp] of 16 bits', 'notImplemented', '66 ff 1c 24'],
  ['push of a short immediate', 'notImplemented', '66 6a 01'],
  ['addsd while mxcsr rounds down', 'notImplemented', 'c7 44 24 fc 80 3f 00 00 0f ae 54 24 fc f2 0f 58 c1'],
  ['leave of 16 bits', 'notImplemented', '66 c9'],
  ['loop by ecx', 'notImplemented', '67 e2 fd'],
  ['mov rax, dr4', 'invalidOpcode', '0f 21 e0'],
  ['rdmsr of an unknown register', 'notImplemented', '31 c9 0f 32'],
  ['an address that is not canonical', 'generalProtection', '48 c1 e1 2f 48 8b 01'],
])('stops at %s', (_, reason, bytes) => {
  const { cpu } = testCpu(hexBytes(bytes, 'c3'))
  const stop = stopOf(() => cpu.call(CODE, [1n]))
  expect(stop.reason).toBe(reason)
  expect(stop.bytes.byteLength).toBeGreaterThan(0)
})

it('takes a jump to 0 for a fault and not for the end of the call', () => {
  const { cpu } = testCpu(hexBytes('48 83 ec 28', '31 c0', 'ff d0', 'c3')) // sub rsp, 28h; xor eax, eax; call rax
  const stop = stopOf(() => cpu.call(CODE, []))
  expect(stop).toMatchObject({ reason: 'pageFault', rip: 0n, access: 'execute' })
})

it('ends recursion without end by a fault at the stack or by budget', () => {
  const { cpu } = testCpu(hexBytes('e8 fb ff ff ff')) // call to itself
  const stop = stopOf(() => cpu.call(CODE, []))
  expect(stop).toMatchObject({ reason: 'pageFault', rip: CODE, access: 'write', present: false })
  expect(stop.address! < STACK).toBe(true)
})

it('keeps on after a stop', () => {
  const { cpu } = testCpu(hexBytes('48 8b 01 c3')) // mov rax, [rcx]; ret
  cpu.write(DATA, hexBytes('01 02 03 04 05 06 07 08'))
  const before = cpu.readGpr(Gpr.rsp)
  stopOf(() => cpu.call(CODE, [0n]))
  cpu.writeGpr(Gpr.rsp, before)
  expect(cpu.call(CODE, [DATA])).toBe(0x0807060504030201n)
})

it('has cr8, gs and fs', () => {
  // mov rax, cr8; mov cr8, rcx; add rax, gs:[0x20]; add rax, fs:[rdx]; ret
  const { cpu } = testCpu(
    hexBytes('44 0f 20 c0 44 0f 22 c1', '65 48 03 04 25 20 00 00 00', '64 48 03 02', 'c3'),
  )
  cpu.gsBase = gva(DATA - 0x20n)
  cpu.fsBase = gva(DATA - 0x1000n)
  cpu.write(DATA, hexBytes('10 00 00 00 00 00 00 00', '00 01 00 00 00 00 00 00'))
  cpu.cr8 = 2
  expect(cpu.call(CODE, [15n, 0x1008n])).toBe(0x112n)
  expect(cpu.cr8).toBe(15)
})

it('reaches ports through the bus', () => {
  const seen: unknown[] = []
  // mov edx, 0xcf8; mov eax, ecx; out dx, eax; mov edx, 0xcf8; in eax, dx; ret
  const { cpu } = testCpu(hexBytes('ba f8 0c 00 00 89 c8 ef ba f8 0c 00 00 ed c3'))
  cpu.onDeviceAccess((access) => seen.push(access))
  expect(cpu.call(CODE, [0x8000fa00n])).toBe(0x8000fa00n)
  expect(seen).toEqual([
    { kind: 'port', direction: 'write', address: 0xcf8, byteLength: 4, value: 0x8000fa00n, rip: CODE + 7n },
    { kind: 'port', direction: 'read', address: 0xcf8, byteLength: 4, value: 0x8000fa00n, rip: CODE + 13n },
  ])
})

it('reaches device registers through page tables, and its writes take effect', () => {
  const { cpu, world, map } = testCpu(hexBytes('89 11 8b 01 c3')) // mov [rcx], edx; mov eax, [rcx]; ret
  map(0xfffff80000200000n, 0xe0000000n | 0x1bn)
  expect(cpu.call(CODE, [0xfffff80000200004n, 0x80000000n])).toBe(0x80000000n)
  expect(world.bus.read32(REGISTER_GPA)).toBe(0x80000000)
})

it('is deterministic', () => {
  const run = (): unknown[] => {
    const { cpu, world } = testCpu(hexBytes('48 c7 c1 00 10 00 00 48 83 c0 03 48 ff c9 75 f7', '0f 31 c3'))
    return [cpu.call(CODE, []), world.nowNs, cpu.instructionCount]
  }
  expect(run()).toEqual(run())
})

it('tells the byte registers apart: sil, r9b, ah', () => {
  // mov sil, cl ; mov r9b, sil ; mov ah, cl ; movzx ecx, ah ; movzx eax, r9b ; add eax, ecx ; ret
  const code = [
    0x40, 0x88, 0xce, 0x41, 0x88, 0xf1, 0x88, 0xcc, 0x0f, 0xb6, 0xcc, 0x41, 0x0f, 0xb6, 0xc1, 0x01, 0xc8,
    0xc3,
  ]
  expect(testCpu(code).cpu.call(CODE, [0x1234n])).toBe(0x68n)
})

describe('work of a trap handler', () => {
  const callsTrap = hexBytes('48 83 ec 28', 'ff d1', '48 83 c4 28', 'c3') // sub rsp, 28h; call rcx; add rsp, 28h; ret

  it('stops in the middle of it where the work of the call is used up', () => {
    const { cpu } = testCpu(callsTrap)
    let pieces = 0
    cpu.trap(TRAPS, 1, () => {
      for (;;) {
        cpu.charge(1_000_000)
        pieces++
      }
    })
    const stop = stopOf(() => cpu.call(CODE, [TRAPS]))
    expect(stop).toMatchObject({ reason: 'instructionBudget', rip: TRAPS })
    expect(pieces).toBe(CALL_BUDGET.instructions / 1_000_000 - 1) // the code before it counts too
  })

  it('counts outside of calls, and stops nothing there', () => {
    const { cpu } = testCpu(callsTrap)
    const before = cpu.workCount
    cpu.charge(2 * CALL_BUDGET.instructions)
    expect(cpu.workCount - before).toBe(2 * CALL_BUDGET.instructions)
    cpu.trap(TRAPS, 1, () => 7n)
    expect(cpu.call(CODE, [TRAPS])).toBe(7n)
  })
})

describe('the flag of a host that wants to end', () => {
  it('ends a loop that calls nothing', () => {
    const flag = new Int32Array(1)
    const { cpu } = testCpu(hexBytes('eb fe'), flag)
    let intervals = 0
    cpu.onInterval(() => {
      if (++intervals === 10) flag[0] = 1
    })
    expect(() => cpu.call(CODE, [])).toThrow(Interrupted)
    expect(cpu.instructionCount).toBeLessThan(256 * 12)
  })

  it('ends a loop of short calls, and a handler that charges for its work', () => {
    const flag = new Int32Array(1)
    // sub rsp, 28h; mov rbx, rcx; 1: call rbx; jmp 1b
    const { cpu } = testCpu(hexBytes('48 83 ec 28 48 89 cb', 'ff d3 eb fc'), flag)
    let calls = 0
    cpu.trap(TRAPS, 1, () => {
      if (++calls === 100) flag[0] = 1
      return 0n
    })
    expect(() => cpu.call(CODE, [TRAPS])).toThrow(Interrupted)
    expect(calls).toBe(100)
    flag[0] = 0
    const other = testCpu(hexBytes('48 83 ec 28', 'ff d1'), flag).cpu
    other.trap(TRAPS, 1, () => {
      for (;;) {
        flag[0] = 1
        other.charge(1)
      }
    })
    expect(() => other.call(CODE, [TRAPS])).toThrow(Interrupted)
  })
})

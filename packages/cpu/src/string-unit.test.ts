import { gpa } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { CODE, DATA, DATA_GPA, hexBytes, stopOf, testCpu } from './cpu.test-support.ts'
import { Gpr } from './cpu.ts'

// mov rdi, rcx; mov rsi, rdx; mov rcx, r8; rep movsb; mov rax, rcx; ret
const MOVE = hexBytes('48 89 cf 48 89 d6 4c 89 c1 f3 a4 48 89 c8 c3')
// mov rdi, rcx; mov eax, edx; mov rcx, r8; rep stosd; mov rax, rdi; ret
const FILL = hexBytes('48 89 cf 89 d0 4c 89 c1 f3 ab 48 89 f8 c3')
const pattern = Uint8Array.from({ length: 0x2000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff)

it.each([
  [0, 0x1800, 5],
  [3, 0x1801, 0x17f0],
  [0, 0x1003, 0x1000],
  [0, 1, 0x1000],
  [0x1000, 0, 0x900],
])('rep movsb from %i to %i, %i bytes, repeats where they overlap', (from, to, count) => {
  const { cpu, world } = testCpu(MOVE)
  world.ram.write(DATA_GPA, pattern)
  const expected = new Uint8Array(0x4000)
  world.ram.read(DATA_GPA, expected)
  for (let i = 0; i < count; i++) expected[to + i] = expected[from + i]!
  expect(cpu.call(CODE, [DATA + BigInt(to), DATA + BigInt(from), BigInt(count)])).toBe(0n)
  const got = new Uint8Array(0x4000)
  world.ram.read(DATA_GPA, got)
  expect(got).toEqual(expected)
})

it('rep stosd fills over page ends and takes time for each element', () => {
  const { cpu, world } = testCpu(FILL)
  world.ram.write(DATA_GPA, new Uint8Array(0x4000))
  expect(cpu.call(CODE, [DATA + 2n, 0x11223344n, 0x900n])).toBe(DATA + 2n + 0x2400n)
  expect(world.ram.u32(gpa(DATA_GPA + 2 + 0x23fc))).toBe(0x11223344)
  expect(world.ram.u32(gpa(DATA_GPA + 2 + 0x2400))).toBe(0)
  expect(cpu.instructionCount).toBe(5 + 0x900)
})

it('stops between two elements and says how far it came', () => {
  const { cpu } = testCpu(FILL)
  const stop = stopOf(() => cpu.call(CODE, [DATA + 0x3ff8n, 0n, 10n]))
  expect(stop).toMatchObject({ reason: 'pageFault', rip: CODE + 8n, address: DATA + 0x4000n })
  expect(cpu.readGpr(Gpr.rcx)).toBe(8n)
  expect(cpu.readGpr(Gpr.rdi)).toBe(DATA + 0x4000n)
})

it('ends a repetition without end by budget', () => {
  const { cpu } = testCpu(hexBytes('48 83 c9 ff f3 ac c3')) // or rcx, -1; rep lodsb
  cpu.writeGpr(Gpr.rsi, DATA)
  cpu.budget.instructions = 10_000
  expect(stopOf(() => cpu.call(CODE, [])).reason).toBe('instructionBudget')
})

it('finds the end of a string', () => {
  // mov rdi, rcx; xor eax, eax; or rcx, -1; repne scasb; not rcx; lea rax, [rcx-1]; ret
  const { cpu } = testCpu(hexBytes('48 89 cf 31 c0 48 83 c9 ff f2 ae 48 f7 d1 48 8d 41 ff c3'))
  const text = new TextEncoder().encode(`${'driver'.repeat(300)}\0`)
  cpu.write(DATA, text)
  expect(cpu.call(CODE, [DATA])).toBe(1800n)
})

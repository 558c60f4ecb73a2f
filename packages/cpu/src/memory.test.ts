import { gpa, gva } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { CODE, CODE_GPA, DATA, hexBytes, stopOf, testCpu } from './cpu.test-support.ts'

const LOAD = hexBytes('48 8b 01 c3') // mov rax, [rcx]; ret
const STORE = hexBytes('48 89 11 31 c0 c3') // mov [rcx], rdx; xor eax, eax; ret
const ELSEWHERE = gva(0xfffff80040000000n)

it('translates 4 KiB, 2 MiB and 1 GiB pages', () => {
  const { cpu, world, map, mapLarge } = testCpu(LOAD)
  const { ram } = world
  ram.setU64(gpa(0x234568), 0x1122334455667788n)
  map(ELSEWHERE, 0x234000n | 0x63n)
  mapLarge(ELSEWHERE + 0x200000n, 1, 0x200000n | 0xe3n)
  mapLarge(ELSEWHERE + 0x40000000n, 2, 0n | 0xe3n)
  for (const at of [ELSEWHERE + 0x568n, ELSEWHERE + 0x200000n + 0x34568n, ELSEWHERE + 0x40234568n]) {
    expect(cpu.call(CODE, [at])).toBe(0x1122334455667788n)
    expect(cpu.translate(gva(at))).toBe(0x234568)
  }
})

it('reads and writes across pages that are not neighbours in RAM', () => {
  const { cpu, map } = testCpu(STORE)
  map(ELSEWHERE, 0x230000n | 0x63n)
  map(ELSEWHERE + 0x1000n, 0x220000n | 0x63n)
  cpu.call(CODE, [ELSEWHERE + 0xffdn, 0x1122334455667788n])
  const bytes = new Uint8Array(8)
  expect(cpu.read(gva(ELSEWHERE + 0xffdn), bytes)).toBe(8)
  expect(bytes).toEqual(hexBytes('88 77 66 55 44 33 22 11'))
  cpu.write(CODE, LOAD)
  expect(cpu.call(CODE, [ELSEWHERE + 0xffdn])).toBe(0x1122334455667788n)
})

it('writes nothing of a store whose second page cannot be written', () => {
  const { cpu, world, map } = testCpu(STORE)
  map(ELSEWHERE, 0x230000n | 0x63n)
  map(ELSEWHERE + 0x1000n, 0x220000n | 0x61n)
  const before = world.ram.u32(gpa(0x230ffc))
  const stop = stopOf(() => cpu.call(CODE, [ELSEWHERE + 0xffcn, 0x1122334455667788n]))
  expect(stop).toMatchObject({
    reason: 'pageFault',
    access: 'write',
    present: true,
    address: ELSEWHERE + 0x1000n,
  })
  expect(world.ram.u32(gpa(0x230ffc))).toBe(before)
})

it.each([
  ['an entry that is not present', 0x230000n, false, 'write'],
  ['a page that is not writable', 0x230000n | 0x21n, true, 'write'],
])('faults at %s', (_, entry, present, access) => {
  const { cpu, map } = testCpu(STORE)
  map(ELSEWHERE, entry)
  expect(stopOf(() => cpu.call(CODE, [ELSEWHERE, 1n]))).toMatchObject({
    reason: 'pageFault',
    present,
    access,
    address: ELSEWHERE,
    rip: CODE,
  })
})

it('does not execute pages that are marked so, nor addresses without RAM', () => {
  const { cpu, map } = testCpu(LOAD)
  expect(stopOf(() => cpu.call(DATA, []))).toMatchObject({ access: 'execute', present: true, rip: DATA })
  map(ELSEWHERE, 0xe0000000n | 0x63n)
  expect(stopOf(() => cpu.call(ELSEWHERE, []))).toMatchObject({ access: 'execute', rip: ELSEWHERE })
})

it('runs an instruction whose bytes lie in two pages, and faults at the second when it is not there', () => {
  const { cpu, world, map } = testCpu([0x90])
  // mov rax, 0x1122334455667788; ret
  const code = hexBytes('48 b8 88 77 66 55 44 33 22 11 c3')
  map(ELSEWHERE, 0x230000n | 0x63n)
  map(ELSEWHERE + 0x1000n, 0x220000n | 0x63n)
  world.ram.write(gpa(0x230ffd), code.subarray(0, 3))
  world.ram.write(gpa(0x220000), code.subarray(3))
  expect(cpu.call(gva(ELSEWHERE + 0xffdn), [])).toBe(0x1122334455667788n)
  map(ELSEWHERE + 0x1000n, 0n)
  cpu.invalidate()
  expect(stopOf(() => cpu.call(gva(ELSEWHERE + 0xffdn), []))).toMatchObject({
    reason: 'pageFault',
    access: 'execute',
    rip: ELSEWHERE + 0xffdn,
    address: ELSEWHERE + 0x1000n,
  })
})

it('sees page tables as they were until translations are invalidated, by invlpg too', () => {
  // mov rax, [rcx]; ret; then: invlpg [rcx]; mov rax, [rcx]; ret
  const { cpu, world, map } = testCpu(hexBytes('48 8b 01 c3', '0f 01 39 48 8b 01 c3'))
  world.ram.setU64(gpa(0x230000), 1n)
  world.ram.setU64(gpa(0x231000), 2n)
  map(ELSEWHERE, 0x230000n | 0x63n)
  expect(cpu.call(CODE, [ELSEWHERE])).toBe(1n)
  map(ELSEWHERE, 0x231000n | 0x63n)
  expect(cpu.call(CODE, [ELSEWHERE])).toBe(1n)
  expect(cpu.call(gva(CODE + 4n), [ELSEWHERE])).toBe(2n)
  map(ELSEWHERE, 0x230000n | 0x63n)
  cpu.invalidate()
  expect(cpu.call(CODE, [ELSEWHERE])).toBe(1n)
  map(ELSEWHERE, 0x231000n | 0x63n)
  cpu.invalidate(gva(ELSEWHERE + 0x1000n))
  expect(cpu.call(CODE, [ELSEWHERE])).toBe(1n)
  cpu.invalidate(ELSEWHERE)
  expect(cpu.call(CODE, [ELSEWHERE])).toBe(2n)
})

it('runs what was written over decoded code: by the host, by code, in its own block', () => {
  // mov byte ptr [rcx], dl; mov eax, 1; ret
  const { cpu } = testCpu(hexBytes('88 11 b8 01 00 00 00 c3'))
  const immediate = gva(CODE + 3n)
  expect(cpu.call(CODE, [DATA, 5n])).toBe(1n)
  expect(cpu.call(CODE, [immediate, 5n])).toBe(5n) // the block that runs is the one that is written
  expect(cpu.call(CODE, [DATA, 5n])).toBe(5n)
  cpu.write(immediate, hexBytes('06'))
  expect(cpu.call(CODE, [DATA, 5n])).toBe(6n)
  expect(cpu.instructionCount).toBe(12)
})

it('keeps decoded code when data beside it is written', () => {
  const { cpu, world } = testCpu(STORE)
  for (let i = 0; i < 100; i++) cpu.call(CODE, [CODE + 0x800n, BigInt(i)])
  expect(world.ram.u64(gpa(CODE_GPA + 0x800))).toBe(99n)
})

it('runs what the host or a device writes over decoded code, named or not', () => {
  const { cpu, world } = testCpu(hexBytes('b8 01 00 00 00 c3'))
  for (const value of [1, 2, 3]) {
    world.ram.write(gpa(CODE_GPA + 1), Uint8Array.of(value))
    expect(cpu.call(CODE, [])).toBe(BigInt(value))
    expect(cpu.call(CODE, [])).toBe(BigInt(value))
  }
  world.ram.setU32(gpa(CODE_GPA + 1), 4)
  expect(cpu.call(CODE, [])).toBe(4n)
  cpu.write(gva(CODE + 1n), Uint8Array.of(5))
  world.ram.view(CODE_GPA, 16).setUint8(1, 6)
  expect(cpu.call(CODE, [])).toBe(6n)
})

it('stops code that never runs the same place twice, and runs other code afterwards', () => {
  const { cpu, world, map } = testCpu([0xb8, 5, 0, 0, 0, 0xc3])
  world.ram.write(gpa(0x230000), new Uint8Array(0x1000).fill(0x90))
  for (let page = 0n; page < 60n; page++) map(ELSEWHERE + page * 0x1000n, 0x230000n | 0x63n)
  const stop = stopOf(() => cpu.call(ELSEWHERE, []))
  expect(stop.reason).toBe('instructionBudget')
  expect(stop.rip > ELSEWHERE + 40_000n).toBe(true)
  expect(cpu.call(CODE, [])).toBe(5n)
})

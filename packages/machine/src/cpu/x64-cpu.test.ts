import { expect, it } from 'vitest'
import { CODE, testCpu } from './test-cpu.ts'

it('runs a function and answers rax', () => {
  // lea rax, [rcx + rdx*4 + 5] ; ret
  const { cpu } = testCpu([0x48, 0x8d, 0x44, 0x91, 0x05, 0xc3])
  expect(cpu.call(CODE, [0x1_0000_0000n, 0xffff_ffffn])).toBe(0x1_0000_0000n + 0xffff_ffffn * 4n + 5n)
  expect(cpu.instructionCount).toBe(2)
})

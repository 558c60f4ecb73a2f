// Whatever bytes are executed, a call ends: with an answer or a CpuStop, within its budget, and the processor can be used
// again. Registers point at code, data, stack and page tables, so that much of it gets beyond its first instruction.
import { gva, PAGE_SIZE } from '@dumpstack/bytes'
import fc from 'fast-check'
import { afterEach, expect, it } from 'vitest'
import { CODE, CODE_GPA, DATA, STACK, testCpu } from './cpu.test-support.ts'
import type { Gpr } from './cpu.ts'
import { CpuStop } from './stop.ts'

const INSTRUCTIONS = 3000
const STALL_NS = 1e6

/** Beginnings of instructions, so that less of it is invalid: prefixes, opcodes of both maps, ModRM bytes. */
const codeByte = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 0xff }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      0x48,
      0x41,
      0x66,
      0xf3,
      0xf2,
      0xf0,
      0x0f,
      0x65,
      0x67,
      0x89,
      0x8b,
      0xc0,
      0x01,
      0x74,
      0xeb,
      0xaa,
    ),
  },
)
const pointer = fc.oneof(
  fc.constantFrom(CODE, DATA, STACK - 256n, CODE + 0xff8n, DATA + 0x3ffcn, 0n, 1n, 0x8000n),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
)

const { cpu, world } = testCpu([])
const TABLES_AT = cpu.cr3
const ZERO = new Uint8Array(4 * PAGE_SIZE)
const BREAKPOINTS = new Uint8Array(4 * PAGE_SIZE).fill(0xcc)

const everywhere = (value: bigint): bigint[] => Array.from({ length: 16 }, () => value)

/** The processor is the same for all runs: what one did to it must not be in the way of the next. */
function run(code: readonly number[], registers: readonly bigint[]): void {
  cpu.cr3 = TABLES_AT
  cpu.gsBase = gva(0n)
  cpu.fsBase = gva(0n)
  cpu.rflags = 2
  for (const at of [DATA, STACK - BigInt(ZERO.byteLength)]) cpu.write(gva(at), ZERO)
  cpu.write(CODE, BREAKPOINTS)
  world.ram.write(CODE_GPA, Uint8Array.from(code))
  cpu.invalidate()
  registers.forEach((value, register) => {
    if (register !== 4) cpu.writeGpr(register as Gpr, value) // 0 to 15
  })
  cpu.writeGpr(4, STACK - 128n)
  cpu.budget.instructions = INSTRUCTIONS
  cpu.budget.stallNs = STALL_NS
  const before = cpu.instructionCount
  try {
    cpu.call(CODE, registers.slice(0, 6))
  } catch (error) {
    if (!(error instanceof CpuStop)) throw error
  }
  expect(cpu.instructionCount - before).toBeLessThanOrEqual(INSTRUCTIONS)
}

/** After all of it the processor still adds. */
afterEach(() => {
  run([0x48, 0x8d, 0x04, 0x11, 0xc3], everywhere(21n)) // lea rax, [rcx + rdx] ; ret
  expect(cpu.readGpr(0)).toBe(42n)
})

it('any code ends within its budget, by a CpuStop or a return', () => {
  const registers = fc.array(pointer, { minLength: 16, maxLength: 16 })
  fc.assert(
    fc.property(fc.array(codeByte, { minLength: 1, maxLength: 48 }), registers, (code, values) => {
      run(code, values)
    }),
    { numRuns: 400 },
  )
})

it('code that changes itself, over and over, ends too', () => {
  // mov rdi, CODE+0x20 ; stosd ; jmp CODE+0x20 ... with random bytes after, which are overwritten as they run
  const prologue = [0x48, 0x8d, 0x3d, 0x08, 0, 0, 0, 0xab, 0xab, 0xeb, 0xfc, 0x90, 0x90, 0x90, 0x90]
  fc.assert(
    fc.property(fc.array(codeByte, { minLength: 16, maxLength: 16 }), pointer, (code, value) => {
      run([...prologue, ...code], everywhere(value))
    }),
    { numRuns: 100 },
  )
})

// Processors one after the other: what one of them compiled serves the next, and nothing else of it does.
import { gva } from '@dumpstack/bytes'
import { describe, expect, it } from 'vitest'
import { CODE, DATA, hexBytes, stopOf, testCpu } from './cpu.test-support.ts'
import { Gpr } from './cpu.ts'
import { IcedDecoder } from './node/iced-decoder.ts'

const TRAPS = gva(0xfffff80070000000n)
/** xor eax, eax; mov ecx, 1000; then add eax, ecx; mov [rdx], eax; dec ecx; jnz -8; ret */
const SUM = hexBytes('31 c0 b9 e8 03 00 00', '01 c8 89 02 ff c9 75 f8', 'c3')
/** The same with sub in place of add. */
const DIFFERENCE = SUM.map((byte, index) => (index === 7 ? 0x29 : byte))
/** rdrand rax; ret */
const RANDOM = hexBytes('48 0f c7 f0 c3')

function run(code: Uint8Array, decoder: IcedDecoder) {
  const { cpu } = testCpu(code, undefined, decoder)
  const before = { flags: cpu.rflags, registers: [Gpr.rax, Gpr.rbx].map((one) => cpu.readGpr(one)) }
  const first = cpu.call(CODE, [0n, DATA])
  const again = cpu.call(CODE, [0n, DATA])
  const word = new Uint8Array(4)
  cpu.read(DATA, word)
  const { instructionCount, workCount } = cpu
  cpu.close()
  return { before, first, again, word, instructionCount, workCount }
}

describe('a processor after another', () => {
  it('answers, counts and begins as if there had been none', () => {
    const decoder = new IcedDecoder()
    for (const code of [SUM, SUM, DIFFERENCE, RANDOM, SUM, RANDOM, DIFFERENCE]) {
      expect(run(code, decoder)).toEqual(run(code, new IcedDecoder()))
    }
  })

  it('knows no traps, listeners and handlers of the other', () => {
    const decoder = new IcedDecoder()
    const code = hexBytes('ff d1 0f 0b') // call rcx; ud2
    const { cpu: first } = testCpu(code, undefined, decoder)
    const heard: string[] = []
    first.trap(TRAPS, 1, () => {
      heard.push('trap')
      return 0n
    })
    first.onStop(() => {
      heard.push('stop')
      return false
    })
    expect(stopOf(() => first.call(CODE, [TRAPS])).reason).toBe('invalidOpcode')
    expect(heard).toEqual(['trap', 'stop'])
    first.close()
    const { cpu: second } = testCpu(code, undefined, decoder)
    expect(stopOf(() => second.call(CODE, [TRAPS]))).toMatchObject({ reason: 'pageFault', address: TRAPS })
    expect(heard).toHaveLength(2)
  })
})

describe('a closed processor', () => {
  it('refuses every use, and leaves the one that has its parts alone', () => {
    const decoder = new IcedDecoder()
    const { cpu } = testCpu(SUM, undefined, decoder)
    cpu.close()
    const { cpu: next } = testCpu(SUM, undefined, decoder)
    next.writeGpr(Gpr.rbx, 5n)
    const uses: readonly (() => unknown)[] = [
      () => cpu.call(CODE, []),
      () => cpu.writeGpr(Gpr.rbx, 1n),
      () => cpu.readGpr(Gpr.rbx),
      () => cpu.instructionCount,
      () => cpu.read(CODE, new Uint8Array(1)),
      () => cpu.close(),
    ]
    for (const use of uses) expect(use).toThrow(/^the processor is closed$/)
    expect(next.readGpr(Gpr.rbx)).toBe(5n)
  })

  it('is not one in the middle of a call', () => {
    const { cpu } = testCpu(hexBytes('ff d1 c3')) // call rcx; ret
    cpu.trap(TRAPS, 1, () => {
      cpu.close()
      return 0n
    })
    expect(() => cpu.call(CODE, [TRAPS])).toThrow(/^the processor was closed in a call of guest code$/)
  })
})

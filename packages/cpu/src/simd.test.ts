// What the comparison with QEMU (tests/conformance/cpu) cannot show: QEMU 7.2 does not check the alignment of operands.
import { expect, it } from 'vitest'
import { CODE, DATA, testCpu } from './cpu.test-support.ts'
import type { CpuStop } from './stop.ts'

const stopOf = (code: number[], argument: bigint): CpuStop => {
  try {
    testCpu(code).cpu.call(CODE, [argument])
  } catch (error) {
    return error as CpuStop // nothing else can come out of a call
  }
  throw new Error('the code came back')
}

it.each([
  ['pxor xmm0, [rcx]', [0x66, 0x0f, 0xef, 0x01]],
  ['punpcklbw xmm0, [rcx]', [0x66, 0x0f, 0x60, 0x01]],
  ['pshufd xmm0, [rcx], 0', [0x66, 0x0f, 0x70, 0x01, 0x00]],
  ['movaps [rcx], xmm0', [0x0f, 0x29, 0x01]],
])('%s wants 16 bytes aligned', (_, code) => {
  expect(stopOf([...code, 0xc3], DATA + 8n)).toMatchObject({ reason: 'generalProtection', rip: CODE })
  expect(testCpu([...code, 0xc3]).cpu.call(CODE, [DATA + 16n])).toBe(0n)
})

it('movups and lddqu take any address', () => {
  for (const code of [
    [0x0f, 0x10, 0x01],
    [0xf2, 0x0f, 0xf0, 0x01],
  ]) {
    expect(testCpu([...code, 0xc3]).cpu.call(CODE, [DATA + 7n])).toBe(0n)
  }
})

it('ldmxcsr refuses reserved bits', () => {
  // mov dword ptr [rcx], 0x10000 ; ldmxcsr [rcx]
  const code = [0xc7, 0x01, 0x00, 0x00, 0x01, 0x00, 0x0f, 0xae, 0x11, 0xc3]
  expect(stopOf(code, DATA)).toMatchObject({ reason: 'generalProtection', rip: CODE + 6n })
})

it('an approximation that each maker makes in its own way stops by its name', () => {
  expect(stopOf([0x0f, 0x52, 0xc1], 0n)).toMatchObject({
    reason: 'notImplemented',
    form: 'Rsqrtps_xmm_xmmm128',
  })
})

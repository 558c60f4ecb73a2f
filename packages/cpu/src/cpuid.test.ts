import { expect, it } from 'vitest'
import { CODE, DATA, hexBytes, stopOf, testCpu } from './cpu.test-support.ts'
import { Gpr } from './cpu.ts'

type Register = 'ebx' | 'ecx' | 'edx'
const REGISTERS = { ebx: Gpr.rbx, ecx: Gpr.rcx, edx: Gpr.rdx } as const

function hasFeature(leaf: number, register: Register, bit: number): boolean {
  const { cpu } = testCpu(hexBytes('0f a2 cc'))
  cpu.writeGpr(Gpr.rax, BigInt(leaf))
  cpu.rip = CODE
  stopOf(() => cpu.run())
  return ((cpu.readGpr(REGISTERS[register]) >> BigInt(bit)) & 1n) === 1n
}

/** Whether instructions are implemented; rcx points to data. */
function runs(code: string): boolean {
  const { cpu } = testCpu(hexBytes(code, 'cc'))
  cpu.writeGpr(Gpr.rcx, DATA)
  cpu.rip = CODE
  const { reason } = stopOf(() => cpu.run())
  expect(['debugBreak', 'notImplemented', 'invalidOpcode']).toContain(reason)
  return reason === 'debugBreak'
}

// bits of Intel SDM volume 2, table 3-8, and of AMD's manual, volume 3, appendix E; an instruction of each
it.each<[feature: string, leaf: number, register: Register, bit: number, code: string]>([
  ['x87', 1, 'edx', 0, 'd9 e8'],
  ['debugging extensions', 1, 'edx', 2, '0f 21 f0'],
  ['tsc', 1, 'edx', 4, '0f 31'],
  ['cmpxchg8b', 1, 'edx', 8, '0f c7 09'],
  ['sysenter', 1, 'edx', 11, '0f 34'],
  ['cmov', 1, 'edx', 15, '0f 44 c0'],
  ['clflush', 1, 'edx', 19, '0f ae 39'],
  ['mmx', 1, 'edx', 23, '0f 6f c1'],
  ['fxsave', 1, 'edx', 24, '0f ae 01'],
  ['sse3', 1, 'ecx', 0, 'f2 0f 7c c1'],
  ['pclmulqdq', 1, 'ecx', 1, '66 0f 3a 44 c1 00'],
  ['monitor', 1, 'ecx', 3, '0f 01 c8'],
  ['ssse3', 1, 'ecx', 9, '66 0f 38 00 c1'],
  ['fma', 1, 'ecx', 12, 'c4 e2 f1 99 c2'],
  ['cmpxchg16b', 1, 'ecx', 13, '48 0f c7 09'],
  ['sse4.1', 1, 'ecx', 19, '66 0f 38 17 c1'],
  ['sse4.2', 1, 'ecx', 20, '66 0f 3a 63 c1 00 f2 0f 38 f1 c1'],
  ['movbe', 1, 'ecx', 22, '0f 38 f0 01'],
  ['popcnt', 1, 'ecx', 23, 'f3 0f b8 c1'],
  ['aes', 1, 'ecx', 25, '66 0f 38 dc c1'],
  ['xsave', 1, 'ecx', 26, '0f ae 21'],
  ['osxsave', 1, 'ecx', 27, '31 c9 0f 01 d0'],
  ['avx', 1, 'ecx', 28, 'c5 f8 57 c0'],
  ['f16c', 1, 'ecx', 29, 'c4 e2 79 13 c1'],
  ['rdrand', 1, 'ecx', 30, '0f c7 f0'],
  ['fsgsbase', 7, 'ebx', 0, 'f3 0f ae c0'],
  ['bmi1', 7, 'ebx', 3, 'c4 e2 78 f2 c1'],
  ['bmi2', 7, 'ebx', 8, 'c4 e2 fb f5 c1'],
  ['invpcid', 7, 'ebx', 10, '66 0f 38 82 01'],
  ['rdseed', 7, 'ebx', 18, '0f c7 f8'],
  ['adx', 7, 'ebx', 19, '66 0f 38 f6 c1'],
  ['smap', 7, 'ebx', 20, '0f 01 ca'],
  ['clflushopt', 7, 'ebx', 23, '66 0f ae 39'],
  ['clwb', 7, 'ebx', 24, '66 0f ae 31'],
  ['sha', 7, 'ebx', 29, '0f 38 cb c1'],
  ['lahf', 0x80000001, 'ecx', 0, '9f'],
  ['lzcnt', 0x80000001, 'ecx', 5, 'f3 0f bd c1'],
  ['sse4a', 0x80000001, 'ecx', 6, '66 0f 79 c1'],
  ['prefetchw', 0x80000001, 'ecx', 8, '0f 0d 09'],
  ['rdtscp', 0x80000001, 'edx', 27, '0f 01 f9'],
])('cpuid says of %s what is implemented', (_feature, leaf, register, bit, code) => {
  expect(runs(code)).toBe(hasFeature(leaf, register, bit))
})

it('draws numbers that follow from the seed, with carry set', () => {
  const draw = () => {
    // rdrand rax; rdseed rbx; pushfq; pop rdx
    const { cpu } = testCpu(hexBytes('48 0f c7 f0 48 0f c7 fb 9c 5a cc'))
    cpu.rip = CODE
    stopOf(() => cpu.run())
    expect(cpu.readGpr(Gpr.rdx) & 0x8d5n).toBe(1n)
    return [cpu.readGpr(Gpr.rax), cpu.readGpr(Gpr.rbx)]
  }
  const [first, second] = draw()
  expect(first).not.toBe(second)
  expect(draw()).toEqual([first, second])
})

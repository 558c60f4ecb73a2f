// The processor in this machine: RAM, registers and time as guest code sees them. Instructions are tested in `cpu`.
import { type Gpa, gpa, gva, Interrupted, pfn } from '@dumpstack/bytes'
import { type Cpu, CpuStop, createCpu, Gpr } from '@dumpstack/cpu'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { expect, it } from 'vitest'
import type { Machine } from './machine.ts'
import { TEST_BDF, testMachine } from './test-machine.ts'

/** All of the first 4 GiB are mapped here, in pages of 1 GiB. */
const BASE = 0xfffff80000000000n
const CODE_GPA = gpa(0x210000)
const DATA_GPA = gpa(0x211000)
const STACK_GPA = 0x220000
const PML4_GPA = gpa(0x230000)
const PDPT_GPA = gpa(0x231000)
/** Bits of entries: present and writable; large too, and accessed and dirty, which keep the processor from nothing. */
const [TABLE, GIGABYTE] = [0x63n, 0xe3n]

const at = (place: number) => gva(BASE + BigInt(place))
const CODE = at(CODE_GPA)
const STORE = Uint8Array.of(0x48, 0x89, 0x11, 0x31, 0xc0, 0xc3) // mov [rcx], rdx; xor eax, eax; ret

function guest(code: readonly number[] | Uint8Array, stopFlag?: Int32Array): { cpu: Cpu; machine: Machine } {
  const { machine } = testMachine(stopFlag === undefined ? {} : { stopFlag })
  const { ram } = machine
  for (const table of [PML4_GPA, PDPT_GPA]) ram.write(table, new Uint8Array(4096))
  ram.setU64(gpa(PML4_GPA + Number((BASE >> 39n) & 0x1ffn) * 8), BigInt(PDPT_GPA) | TABLE)
  for (let i = 0; i < 4; i++) ram.setU64(gpa(PDPT_GPA + i * 8), (BigInt(i) << 30n) | GIGABYTE)
  ram.write(CODE_GPA, Uint8Array.from(code))
  const cpu = createCpu(machine, new IcedDecoder())
  cpu.cr3 = PML4_GPA
  cpu.writeGpr(Gpr.rsp, at(STACK_GPA))
  return { cpu, machine }
}

it('logs the pages that code writes, and saves them for a checkpoint first', () => {
  const { cpu, machine } = guest(STORE)
  machine.ram.setU64(DATA_GPA, 7n)
  cpu.call(CODE, [at(DATA_GPA), 8n])
  const checkpoint = machine.checkpoint()
  cpu.call(CODE, [at(DATA_GPA), 9n])
  expect(machine.ram.u64(DATA_GPA)).toBe(9n)
  expect(machine.evidence.writes.pages.has(pfn(DATA_GPA / 4096))).toBe(true)
  const bytes = new Uint8Array(8)
  checkpoint.read(DATA_GPA, bytes)
  expect(bytes[0]).toBe(8)
})

it('tells of the first store into guarded memory before it is done, by code and by the host for it', () => {
  const { cpu, machine } = guest(STORE)
  const { ram } = machine
  const told: (readonly [at: number, before: bigint])[] = []
  const guard = (): void =>
    ram.guard(gpa(DATA_GPA + 0x100), 0x10, (address) =>
      told.push([address - DATA_GPA, ram.u64(gpa(DATA_GPA + 0x100))]),
    )
  const store = (offset: number, value: bigint): bigint => cpu.call(CODE, [at(DATA_GPA + offset), value])
  store(0x100, 1n)
  guard()
  for (const offset of [0xf8, 0x110, 0xf0]) store(offset, 2n)
  ram.setU64(gpa(DATA_GPA + 0x108), 3n) // a device
  expect(told).toEqual([])
  store(0x104, 4n)
  store(0x104, 5n)
  guard()
  cpu.write(at(DATA_GPA + 0xff), new Uint8Array(2))
  guard()
  ram.unguard(gpa(DATA_GPA + 0x100))
  store(0x100, 6n)
  expect(told).toEqual([
    [0x104, 1n],
    [0xff, 0x5_0000_0001n],
  ])
})

it('tells of the element of a string that lies in guarded memory', () => {
  const fill = [0x48, 0x89, 0xcf, 0x48, 0x89, 0xd1, 0x31, 0xc0, 0xf3, 0xaa, 0xc3] // mov rdi, rcx; mov rcx, rdx; xor eax, eax; rep stosb; ret
  const { cpu, machine } = guest(fill)
  const told: number[] = []
  machine.ram.guard(gpa(DATA_GPA + 0x100), 0x10, (address) => told.push(address - DATA_GPA))
  cpu.call(CODE, [at(DATA_GPA), 0x200n])
  expect(told).toEqual([0x100])
})

it('stops at code that a reset has taken away', () => {
  const { cpu, machine } = guest([0x31, 0xc0, 0xc3]) // xor eax, eax; ret
  expect(cpu.call(CODE, [])).toBe(0n)
  machine.reset({ keepRam: false })
  expect(() => cpu.call(CODE, [])).toThrow(CpuStop)
})

it('runs what the host writes over decoded code, after a checkpoint too', () => {
  const { cpu, machine } = guest([0xb8, 1, 0, 0, 0, 0xc3]) // mov eax, 1; ret
  const immediate: Gpa = gpa(CODE_GPA + 1)
  expect(cpu.call(CODE, [])).toBe(1n)
  machine.ram.setU32(immediate, 2)
  expect(cpu.call(CODE, [])).toBe(2n)
  machine.checkpoint()
  machine.ram.setU32(immediate, 3)
  expect(cpu.call(CODE, [])).toBe(3n)
  machine.ram.view(CODE_GPA, 16).setUint8(1, 4)
  expect(cpu.call(CODE, [])).toBe(4n)
})

it('reaches configuration space through ports', () => {
  // mov edx, 0xcf8; mov eax, ecx; out dx, eax; mov edx, 0xcfc; in eax, dx; ret
  const { cpu, machine } = guest([
    0xba, 0xf8, 0x0c, 0, 0, 0x89, 0xc8, 0xef, 0xba, 0xfc, 0x0c, 0, 0, 0xed, 0xc3,
  ])
  expect(cpu.call(CODE, [0x80000000n | BigInt(TEST_BDF << 8)])).toBe(
    BigInt(machine.bus.config32(TEST_BDF, 0)),
  )
})

it('reaches registers of a controller, whose writes take effect, and executes none of them', () => {
  const { cpu, machine } = guest([0x89, 0x11, 0x8b, 0x01, 0xc3]) // mov [rcx], edx; mov eax, [rcx]; ret
  const window = machine.bus.config32(TEST_BDF, 0x24)
  expect(cpu.call(CODE, [at(window + 4), 0x80000000n])).toBe(0x80000000n) // GHC.AE
  expect(machine.bus.read32(gpa(window + 4))).toBe(0x80000000)
  expect(() => cpu.call(at(window), [])).toThrow(/page fault, execute/)
})

it('ends code and time where the host wants to end', () => {
  const flag = new Int32Array(1)
  const { cpu, machine } = guest([0xeb, 0xfe], flag) // jmp to itself
  cpu.onInterval(() => {
    flag[0] = 1
  })
  expect(() => cpu.call(CODE, [])).toThrow(Interrupted)
  expect(() => machine.stall(1)).toThrow(Interrupted)
  expect(() => machine.run(machine.nowNs + 1)).toThrow(Interrupted)
})

// A processor with page tables of its own, for this room's tests: code at CODE, data at DATA, a stack below STACK.
import { gpa, gva, PAGE_SIZE } from '@dumpstack/bytes'
import { type Cpu, Gpr } from './cpu.ts'
import { IcedDecoder } from './node/iced-decoder.ts'
import { CpuStop } from './stop.ts'
import { TestWorld } from './test-world.test-support.ts'
import { createCpu } from './x64-cpu.ts'

export const CODE = gva(0xfffff80000001000n)
export const DATA = gva(0xfffff80000010000n)
export const STACK = gva(0xfffff80000020000n)
/** Where they are in RAM. */
export const CODE_GPA = gpa(0x101000)
export const DATA_GPA = gpa(0x110000)
const TABLES = 0x180000
const STACK_GPA = 0x118000

/** Bytes of instructions, written in hexadecimal. */
export const hexBytes = (...parts: readonly string[]): Uint8Array =>
  Uint8Array.from(
    parts
      .join(' ')
      .trim()
      .split(/\s+/)
      .map((byte) => Number.parseInt(byte, 16)),
  )

export function stopOf(run: () => unknown): CpuStop {
  try {
    run()
  } catch (error) {
    if (error instanceof CpuStop) return error
    throw error
  }
  throw new Error('guest code was expected to stop')
}

export interface TestCpu {
  readonly cpu: Cpu
  readonly world: TestWorld
  /** Sets the entry of a 4 KiB page: physical address and low bits; NX with bit 63. */
  map(at: bigint, entry: bigint): void
  /** The entry one level up (2 MiB) or two (1 GiB). */
  mapLarge(at: bigint, level: 1 | 2, entry: bigint): void
}

export function testCpu(
  code: Uint8Array | readonly number[],
  stopFlag?: Int32Array,
  decoder = new IcedDecoder(),
): TestCpu {
  const world = new TestWorld(stopFlag ?? new Int32Array(1))
  const cpu = createCpu(world, decoder)
  const { ram } = world
  const zero = new Uint8Array(PAGE_SIZE)
  let nextTable = TABLES
  const newTable = (): number => {
    ram.write(gpa(nextTable), zero)
    nextTable += PAGE_SIZE
    return nextTable - PAGE_SIZE
  }
  const root = newTable()
  const slot = (at: bigint, level: number): number => Number((at >> BigInt(12 + 9 * level)) & 0x1ffn) * 8
  const entryAt = (at: bigint, level: number): number => {
    let table = root
    for (let above = 3; above > level; above--) {
      const place = gpa(table + slot(at, above))
      if ((ram.u64(place) & 1n) === 0n) ram.setU64(place, BigInt(newTable()) | 0x67n)
      table = Number(ram.u64(place) & 0xffffffffff000n)
    }
    return table + slot(at, level)
  }
  const map = (at: bigint, entry: bigint): void => ram.setU64(gpa(entryAt(at, 0)), entry)
  for (let i = 0; i < 4; i++) {
    map(CODE + BigInt(i * PAGE_SIZE), BigInt(CODE_GPA + i * PAGE_SIZE) | 0x63n)
    map(DATA + BigInt(i * PAGE_SIZE), BigInt(DATA_GPA + i * PAGE_SIZE) | 0x8000000000000063n)
    map(STACK - BigInt((i + 1) * PAGE_SIZE), BigInt(STACK_GPA + (3 - i) * PAGE_SIZE) | 0x8000000000000063n)
  }
  ram.write(CODE_GPA, Uint8Array.from(code))
  cpu.cr3 = gpa(root)
  cpu.writeGpr(Gpr.rsp, STACK)
  return {
    cpu,
    world,
    map,
    mapLarge: (at, level, entry) => ram.setU64(gpa(entryAt(at, level)), entry),
  }
}

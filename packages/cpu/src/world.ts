// What the processor needs of the world around it: RAM, bus and time. A machine implements this, and so do the small
// worlds of tests.
import type { Gpa, Pfn, PhysicalSpace } from '@dumpstack/bytes'

/** Memory whose stores are told of: from the first run on after `generation` of its RAM has changed. */
export interface StoreGuards {
  has(page: number): boolean
  /** An instruction, or the host for one, is about to store into a page that `has` such memory. */
  stored(gpa: number, byteLength: number): void
}

export interface CpuRam extends PhysicalSpace {
  /** Changes whenever spans and views end, or RAM is filled anew. */
  readonly generation: number
  readonly guards: StoreGuards
  /** Whether all bytes lie in RAM. */
  has(gpa: Gpa, length: number): boolean
  /** Throws where a byte lies outside of RAM, as all accessors below do. */
  write(gpa: Gpa, from: Uint8Array): void
  u32(gpa: Gpa): number
  u64(gpa: Gpa): bigint
  /** To read only, inside one page here; valid until `generation` changes, as views are. */
  span(gpa: Gpa, length: number): Uint8Array
  /** To read and write; its pages count as written. */
  view(gpa: Gpa, length: number): DataView
  /** Calls `changed` once, before the next write to the page, except through views that were made before. */
  watch(page: Pfn, changed: () => void): void
}

/** Device registers: I/O ports, and physical addresses that are not RAM. */
export interface CpuBus {
  in8(port: number): number
  in16(port: number): number
  in32(port: number): number
  out8(port: number, value: number): void
  out16(port: number, value: number): void
  out32(port: number, value: number): void
  read8(gpa: Gpa): number
  read16(gpa: Gpa): number
  read32(gpa: Gpa): number
  write8(gpa: Gpa, value: number): void
  write16(gpa: Gpa, value: number): void
  write32(gpa: Gpa, value: number): void
}

export interface CpuWorld {
  readonly ram: CpuRam
  readonly bus: CpuBus
  /** The random numbers of `rdrand` and `rdseed` are derived from it. */
  readonly seed: number
  readonly nowNs: number
  /** Lets the time pass that code takes: devices work, no interrupt routine is called. */
  elapse(nanoseconds: number): void
  /** What devices made the host do so far, in instructions of guest code. */
  readonly deviceWork: number
  /** Throws Interrupted (bytes) once the host wants to end. */
  checkStop(): void
}

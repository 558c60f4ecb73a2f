// Guest memory as the host's side of the processor sees it: through the page tables, without faults, page by page.
import { type Gpa, type Gva, gpa as gpaOf } from '@dumpstack/bytes'
import type { Mmu } from './mmu.ts'
import { highHalf, lowHalf } from './stop.ts'
import type { CodePages } from './tlb.ts'
import type { CpuWorld } from './world.ts'

export class HostMemory {
  readonly #world: CpuWorld
  readonly #mmu: Mmu
  readonly #code: CodePages

  constructor(world: CpuWorld, mmu: Mmu, code: CodePages) {
    this.#world = world
    this.#mmu = mmu
    this.#code = code
  }

  translate(gva: Gva): Gpa | null {
    const physical = this.#mmu.translateForHost(lowHalf(gva), highHalf(gva), 'read')
    return physical < 0 ? null : gpaOf(physical)
  }

  read(gva: Gva, into: Uint8Array): number {
    return this.#pieces(gva, into.byteLength, 'read', (gpa, start, length) => {
      return this.#world.ram.read(gpa, into.subarray(start, start + length)) === length
    })
  }

  write(gva: Gva, from: Uint8Array): number {
    return this.#pieces(gva, from.byteLength, 'write', (gpa, start, length) => {
      if (!this.#world.ram.has(gpa, length)) return false
      const page = Math.floor(gpa / 4096)
      if (this.#code.has(page)) this.#code.written(gpa, length)
      const { guards } = this.#world.ram
      if (guards.has(page)) guards.stored(gpa, length)
      this.#world.ram.write(gpa, from.subarray(start, start + length))
      return true
    })
  }

  /** Eight bytes as a number; zero where nothing is mapped. Arguments and return addresses of every import come this way. */
  quad(at: bigint): bigint {
    const lo = lowHalf(at)
    if ((lo & 4095) <= 4096 - 8) {
      const physical = this.#mmu.translateForHost(lo, highHalf(at), 'read')
      return physical >= 0 && this.#world.ram.has(gpaOf(physical), 8)
        ? this.#world.ram.u64(gpaOf(physical))
        : 0n
    }
    const bytes = new DataView(new ArrayBuffer(8))
    this.read(BigInt.asUintN(64, at) as Gva, new Uint8Array(bytes.buffer)) // wrapped as the processor wraps addresses
    return bytes.getBigUint64(0, true)
  }

  #pieces(
    gva: Gva,
    byteLength: number,
    access: 'read' | 'write',
    piece: (gpa: Gpa, start: number, length: number) => boolean,
  ): number {
    let done = 0
    while (done < byteLength) {
      const at = gva + BigInt(done)
      const lo = lowHalf(at)
      const physical = this.#mmu.translateForHost(lo, highHalf(at), access)
      const length = Math.min(byteLength - done, 4096 - (lo & 4095))
      if (physical < 0 || !piece(gpaOf(physical), done, length)) break
      done += length
    }
    return done
  }
}

// Guest memory while a dump is being laid out, with page tables of four or five levels (Intel SDM volume 3, section 4.5).
import { PAGE } from './built-modules.ts'

/** Physical pages, page tables, things at virtual addresses. */
export class Memory {
  readonly pages = new Map<number, Uint8Array>()
  readonly mapped = new Map<bigint, number>()
  readonly #free: number[]
  readonly root: number
  readonly #topShift: number

  constructor(runs: ReadonlyArray<readonly [number, number]>, levels: 4 | 5 = 4) {
    this.#topShift = levels === 5 ? 48 : 39
    const all = runs.flatMap(([base, count]) => Array.from({ length: count }, (_, i) => base + i))
    for (const pfn of all) this.pages.set(pfn, pattern(pfn))
    // From both ends in turn: neighbours in virtual memory are strangers in physical memory.
    this.#free = all.map((_, i) => all[i % 2 === 0 ? i >> 1 : all.length - 1 - (i >> 1)] as number)
    this.root = this.take()
  }

  take(): number {
    const pfn = this.#free.shift()
    if (pfn === undefined) throw new Error('the recipe has too few pages')
    this.pages.get(pfn)?.fill(0)
    return pfn
  }

  /** Sets the entry that maps `va` at the level of `shift`, making tables on the way. */
  setEntry(va: bigint, shift: 12 | 21, entry: bigint): void {
    let table = this.root
    for (let level = this.#topShift; level > shift; level -= 9) {
      const view = this.#view(table)
      const at = Number((va >> BigInt(level)) & 0x1ffn) * 8
      let next = view.getBigUint64(at, true)
      if (next === 0n) {
        next = (BigInt(this.take()) << 12n) | 0x63n
        view.setBigUint64(at, next, true)
      }
      table = Number((next >> 12n) & 0xfffffffffn)
    }
    this.#view(table).setBigUint64(Number((va >> BigInt(shift)) & 0x1ffn) * 8, entry, true)
  }

  map(va: bigint, pageCount: number): void {
    for (let i = 0; i < pageCount; i++) {
      const pfn = this.take()
      const page = va + BigInt(i * PAGE)
      this.setEntry(page, 12, (1n << 63n) | (BigInt(pfn) << 12n) | 0x63n)
      this.mapped.set(page, pfn)
    }
  }

  write(va: bigint, bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) {
      const at = va + BigInt(i)
      const page = this.pages.get(this.mapped.get(at & ~0xfffn) ?? -1)
      if (page === undefined) throw new Error(`${at.toString(16)} is not mapped`)
      page[Number(at & 0xfffn)] = bytes[i] as number
    }
  }

  u16(va: bigint, value: number): void {
    this.write(va, littleEndian(BigInt(value), 2))
  }
  u32(va: bigint, value: number): void {
    this.write(va, littleEndian(BigInt(value), 4))
  }
  u64(va: bigint, value: bigint): void {
    this.write(va, littleEndian(value, 8))
  }

  #view(pfn: number): DataView {
    const page = this.pages.get(pfn)
    if (page === undefined) throw new Error(`page ${pfn} is no RAM`)
    return new DataView(page.buffer)
  }
}

/** Every page tells its number: its PFN in each eight bytes, mixed with the offset. */
export function pattern(pfn: number): Uint8Array {
  const page = new Uint8Array(PAGE)
  const view = new DataView(page.buffer)
  for (let i = 0; i < PAGE; i += 8) {
    view.setUint32(i, pfn, true)
    view.setUint32(i + 4, (pfn * 2654435761 + i) >>> 0, true)
  }
  return page
}

function littleEndian(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(i * 8)) & 0xffn))
}

// Page tables of five levels (Intel SDM volume 3, 4.5.5; CR4.LA57): not read, but told apart from tables that are damaged.
import type { Gpa, Gva, PhysicalSpace } from '@dumpstack/bytes'
import { PTE_LARGE_PAGE, PTE_VALID } from '@dumpstack/nt'

const FRAME = 0x000f_ffff_ffff_f000n

/** Whether `address` leads to a page through tables of five levels. */
export function leadsThroughFiveLevels(dtb: Gpa, address: Gva, physical: PhysicalSpace): boolean {
  const word = new Uint8Array(8)
  const view = new DataView(word.buffer)
  const readEntry = (place: bigint): bigint =>
    physical.read(Number(place) as Gpa, word) < 8 ? 0n : view.getBigUint64(0, true) // a frame of 52 bits and an offset
  let table = BigInt(dtb)
  for (const shift of [48n, 39n, 30n, 21n, 12n]) {
    const entry = readEntry(table + ((address >> shift) & 511n) * 8n)
    if ((entry & BigInt(PTE_VALID)) === 0n) return false
    table = entry & FRAME
    const isLarge = (entry & BigInt(PTE_LARGE_PAGE)) !== 0n && (shift === 30n || shift === 21n)
    if (isLarge) return true
  }
  return physical.read(Number(table) as Gpa, word) === 8 // a frame of 52 bits
}

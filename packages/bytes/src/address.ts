// Addresses and numbers that must not mix. Gva may use bit 63 and is a bigint; the others fit 2^53 and are numbers.

declare const brand: unique symbol

/** Guest virtual address, 64 bits, canonical. */
export type Gva = bigint & { readonly [brand]: 'Gva' }
/** Guest physical address in bytes. */
export type Gpa = number & { readonly [brand]: 'Gpa' }
/** Page frame number: a guest physical address divided by 4096. */
export type Pfn = number & { readonly [brand]: 'Pfn' }
/** Logical block address, in logical sectors of its disk. */
export type Lba = number & { readonly [brand]: 'Lba' }

export const PAGE_SIZE = 4096
export const PAGE_SHIFT = 12

export const gva = (value: bigint): Gva => BigInt.asUintN(64, value) as Gva // the one place that brands
export const gpa = (value: number): Gpa => value as Gpa // the one place that brands
export const pfn = (value: number): Pfn => value as Pfn // the one place that brands
export const lba = (value: number): Lba => value as Lba // the one place that brands

export const pfnToGpa = (page: Pfn): Gpa => gpa(page * PAGE_SIZE)
export const gpaToPfn = (address: Gpa): Pfn => pfn(Math.floor(address / PAGE_SIZE))

/** `0x1aa018`: how every address is printed in messages and JSON. */
export const hex = (value: number | bigint): string => `0x${value.toString(16)}`

/** For JSON.stringify: a 64-bit value is a hex string in every JSON of ours. */
export const bigintAsHex = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? hex(value) : value

/** `fffff804`12345678`: how debuggers print a 64-bit address. */
export function hex64(value: bigint): string {
  const digits = value.toString(16).padStart(16, '0')
  return `${digits.slice(0, 8)}\`${digits.slice(8)}`
}

/** A bigint as a number; throws a RangeError naming `what` when it does not fit 2^53-1. */
export function toSafeNumber(value: bigint, what: string): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`${what} is ${hex(value)}, expected at most ${hex(Number.MAX_SAFE_INTEGER)}`)
  }
  return Number(value)
}

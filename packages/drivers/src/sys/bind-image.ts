// What a loader does to a mapped driver before its first instruction: import addresses, and a /GS cookie of its own. Relocation is
// the kernel's; control flow guard needs nothing, since the pointers that the compiler leaves lead to checks that pass.
import { type Gva, gpa, gva } from '@dumpstack/bytes'
import type { PeImage } from '@dumpstack/image'
import type { Machine } from '@dumpstack/machine'
import { DriversError } from '../errors.ts'
import type { KernelServices, LoadedImage } from '../kernel-services.ts'
import type { DataImports } from './data-imports.ts'
import type { TrapTable } from './trap-table.ts'

export interface ImageToBind {
  readonly machine: Machine
  readonly kernel: KernelServices
  readonly image: LoadedImage
  readonly pe: PeImage
  readonly traps: TrapTable
  readonly data: DataImports
}

export function bindImage({ machine, kernel, image, pe, traps, data }: ImageToBind): void {
  const { ram } = machine
  const store = (rva: number, value: bigint): void => {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, value, true)
    for (let i = 0; i < bytes.byteLength; i++) {
      const address = kernel.vaToGpa(gva(image.base + BigInt(rva + i)))
      if (address === null) {
        throw new DriversError('SYS_HOST', `${image.baseName} is not mapped where it is to be bound`, { rva })
      }
      ram.write(gpa(address), bytes.subarray(i, i + 1))
    }
  }
  for (const { dll, names } of pe.imports) {
    for (const { name, iatRva } of names) {
      const address: Gva = data.address(name) ?? traps.address(dll, name)
      store(iatRva, address)
    }
  }
  if (pe.securityCookieRva !== null) store(pe.securityCookieRva, cookieOf(ram.seed, image.base))
}

const MASK48 = 0xffff_ffff_ffffn
/** What compilers leave in the file; a driver refuses to run with it. */
const DEFAULT_COOKIE = 0x2b99_2ddf_a232n

/** 48 bits, as cookies on x64 have, from the seed (finaliser of SplitMix64, public domain). */
function cookieOf(seed: number, base: Gva): bigint {
  let x = BigInt.asUintN(64, BigInt(seed) * 0x9e37_79b9_7f4a_7c15n + base)
  x = BigInt.asUintN(64, (x ^ (x >> 30n)) * 0xbf58_476d_1ce4_e5b9n)
  x = BigInt.asUintN(64, (x ^ (x >> 27n)) * 0x94d0_49bb_1331_11ebn)
  const cookie = (x ^ (x >> 31n)) & MASK48
  return cookie === DEFAULT_COOKIE || cookie === 0n ? 1n : cookie
}

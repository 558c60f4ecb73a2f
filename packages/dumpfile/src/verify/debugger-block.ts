// The debugger data block as verification meets it: whole, or what its first words say where it is not.
import { KddebuggerData64 } from '@dumpstack/nt'
import { readDebuggerData } from '../debugger-data.ts'

/** That of XP, the first Windows for x64, by the profiles of volatility; genuine minidumps since have 0x360 and 0x380. */
export const MIN_KDBG_BYTES = 0x290

/** A kernel encodes the block while it runs, and decodes it when it crashes. */
export const ENCODED_KDBG = 'debugger data of a live system, which can be encoded'

export interface DebuggerBlock {
  /** Null where the block is not all there, has no tag, or is of a size that is not known. */
  readonly kdbg: KddebuggerData64 | null
  /** Bytes that can be had, of the longest block that is known. */
  readonly byteLength: number
  readonly ownerTag: number
  readonly size: number
}

export function readBlock(read: (into: Uint8Array) => number): DebuggerBlock {
  const bytes = new Uint8Array(KddebuggerData64.size)
  const byteLength = read(bytes)
  const { ownerTag, size } = KddebuggerData64.of(bytes)
  return { kdbg: size < MIN_KDBG_BYTES ? null : readDebuggerData(read), byteLength, ownerTag, size }
}

// Whether a value on the stack is a return address. Only evidence counts: code that can be read shows a call before it, or the
// module's unwind information covers it. A module without either leaves the question open.
import { ImageError } from '@dumpstack/image'
import type { DebugModule } from '../modules.ts'
import type { Session } from '../session.ts'

/** `open`: neither the dump nor the symbol path holds the code or unwind information that would tell. */
export type ReturnAddress = 'yes' | 'no' | 'open'

const MAX_CALL_BYTES = 7
const PAGE_OFFSET = 0xfffn
/** What debug code fills memory with: the low half of a value that is no address, whatever its high half makes of it. */
const FILLS: ReadonlySet<bigint> = new Set([
  0xdeadbeefn,
  0xdeadfeedn,
  0xbaadf00dn,
  0xfeedfacen,
  0xccccccccn,
  0xcdcdcdcdn,
])

export async function judgeReturnAddress(session: Session, value: bigint): Promise<ReturnAddress> {
  const module = session.modules.at(value)
  // No compiler ends a page with a call, but tables, images and buffers begin at one.
  if (module === null || (value & PAGE_OFFSET) === 0n || value < module.base + 0x1000n) return 'no'
  if (FILLS.has(value & 0xffff_ffffn)) return 'no'
  const rva = Number(value - module.base) // inside the module
  const answer = byImage(module, rva)
  if (answer !== 'open' || !(await module.fetchImageFile(session.symbolSource, session.signal))) return answer
  return byImage(module, rva)
}

function byImage(module: DebugModule, rva: number): ReturnAddress {
  if (isData(module, rva)) return 'no'
  const before = new Uint8Array(MAX_CALL_BYTES)
  if (module.read(rva - MAX_CALL_BYTES, before) === MAX_CALL_BYTES) return endsWithCall(before) ? 'yes' : 'no'
  return isCovered(module, rva) ? 'yes' : 'open'
}

/** Whether unwind information puts it inside a function, and not at its start. */
function isCovered(module: DebugModule, rva: number): boolean {
  try {
    // A call that never returns can be the last instruction of its function.
    const entry = module.image().findFunction(rva - 1)
    return entry !== null && rva > entry.beginRva
  } catch (error) {
    if (error instanceof ImageError) return false
    throw error
  }
}

/** True only where the section table says so. */
function isData(module: DebugModule, rva: number): boolean {
  try {
    return !module.image().isExecutable(rva)
  } catch (error) {
    if (error instanceof ImageError) return false
    throw error
  }
}
/** E8 rel32; FF /2 with register, memory, displacement: Intel SDM vol. 2, CALL. */
export function endsWithCall(before: Uint8Array): boolean {
  const end = before.byteLength
  if (before[end - 5] === 0xe8) return true
  for (let length = 2; length <= 7; length++) {
    if (before[end - length] !== 0xff) continue
    const modRm = before[end - length + 1]!
    if (((modRm >>> 3) & 7) === 2 && callLength(modRm, before[end - length + 2] ?? 0) === length) return true
  }
  return false
}

/** Bytes of an FF instruction by its ModRM and SIB bytes. */
function callLength(modRm: number, sib: number): number {
  const mode = modRm >>> 6
  const register = modRm & 7
  if (mode === 3) return 2
  const hasSib = register === 4
  const displacement = mode === 1 ? 1 : mode === 2 ? 4 : register === 5 || (hasSib && (sib & 7) === 5) ? 4 : 0
  return 2 + (hasSib ? 1 : 0) + displacement
}

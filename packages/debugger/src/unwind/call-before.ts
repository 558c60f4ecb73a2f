// Whether a value on the stack can be a return address: inside a module's code, behind a call instruction. Where the
// dump does not hold the code, symbols must at least put it inside a function, not at its start.
import { ImageError } from '@dumpstack/image'
import type { DebugModule } from '../modules.ts'
import type { Session } from '../session.ts'

const LONGEST_CALL = 7

export async function isReturnAddress(session: Session, value: bigint): Promise<boolean> {
  const module = session.modules.at(value)
  if (module === null || value < module.base + 0x1000n) return false
  const rva = Number(value - module.base) // inside the module
  if (isData(module, rva)) return false
  const before = new Uint8Array(LONGEST_CALL)
  if (module.read(rva - LONGEST_CALL, before) === LONGEST_CALL) return endsWithCall(before)
  await session.loadSymbols(module)
  const near = module.near(value)
  return near === null || near.displacement !== 0
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

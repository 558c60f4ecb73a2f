// The end of a function on x64: add rsp or lea rsp, pops, ret or jmp, and nothing else ("x64 prolog and epilog",
// learn.microsoft.com/cpp/build/prolog-and-epilog). An instruction inside it is undone by running the rest.
import type { MappedImage, RuntimeFunction } from '@dumpstack/image'
import type { TargetMemory } from '../memory.ts'
import type { Registers } from '../registers.ts'

const RSP = 4
const MAX_EPILOG_BYTES = 64

const REX_W = 0x48
const REX_WB = 0x49
const REX_B = 0x41

/** True when rip points into an epilog: the registers are then those of the caller. Otherwise nothing has changed. */
export function undoEpilog(
  registers: Registers,
  memory: TargetMemory,
  image: MappedImage,
  base: bigint,
  entry: RuntimeFunction,
): boolean {
  const code = memory.available(registers.rip, MAX_EPILOG_BYTES)
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  const after = registers.clone()
  let at = 0
  const has = (length: number): boolean => at + length <= code.byteLength

  if (has(4) && code[at] === REX_W && code[at + 1] === 0x83 && code[at + 2] === 0xc4) {
    after.context.rsp += BigInt(view.getInt8(at + 3))
    at += 4
  } else if (has(7) && code[at] === REX_W && code[at + 1] === 0x81 && code[at + 2] === 0xc4) {
    after.context.rsp += BigInt(view.getInt32(at + 3, true))
    at += 7
  } else if (has(3) && (code[at] === REX_W || code[at] === REX_WB) && code[at + 1] === 0x8d) {
    const modRm = code[at + 2]!
    const register = (modRm & 7) + (code[at] === REX_WB ? 8 : 0)
    if (((modRm >>> 3) & 7) !== RSP || (modRm & 7) === RSP) return false
    const mode = modRm >>> 6
    if (mode === 1 && has(4)) {
      after.context.rsp = after.general(register) + BigInt(view.getInt8(at + 3))
      at += 4
    } else if (mode === 2 && has(7)) {
      after.context.rsp = after.general(register) + BigInt(view.getInt32(at + 3, true))
      at += 7
    } else return false
  }
  for (;;) {
    const isHigh = code[at] === REX_B
    const opcode = code[at + (isHigh ? 1 : 0)]
    if (opcode === undefined || (opcode & 0xf8) !== 0x58) break
    const value = memory.tryU64(after.rsp)
    if (value === null) return false
    after.context.rsp += 8n
    after.setGeneral((opcode & 7) + (isHigh ? 8 : 0), value)
    at += isHigh ? 2 : 1
  }
  if (!endsFunction(code, view, at, Number(registers.rip - base), image, entry)) return false
  const target = memory.tryU64(after.rsp)
  if (target === null) return false
  after.context.rip = target
  after.context.rsp += 8n
  for (let register = 0; register < 16; register++) registers.setGeneral(register, after.general(register))
  registers.context.rip = after.context.rip
  return true
}

/** ret, or a jmp that leaves the function. */
function endsFunction(
  code: Uint8Array,
  view: DataView,
  at: number,
  rva: number,
  image: MappedImage,
  entry: RuntimeFunction,
): boolean {
  /** A tail call: to the start of a function. A jmp to a part of this one that lies elsewhere is none. */
  const isTailCall = (length: number, distance: number): boolean => {
    const target = rva + at + length + distance
    if (target > entry.beginRva && target < entry.endRva) return false
    const other = image.findFunction(target)
    if (other === null) return true
    return target === other.beginRva && image.unwindInfo(other.unwindRva).chained === null
  }
  switch (code[at]) {
    case 0xc3:
    case 0xc2:
      return true
    case 0xf3:
      return code[at + 1] === 0xc3
    case 0xeb:
      return at + 2 <= code.byteLength && isTailCall(2, view.getInt8(at + 1))
    case 0xe9:
      return at + 5 <= code.byteLength && isTailCall(5, view.getInt32(at + 1, true))
    case 0xff: // jmp through memory without displacement from rsp: mod 0, rip-relative
      return code[at + 1] === 0x25
    case REX_W: // rex.w jmp: compilers mark tail calls through a register or memory this way
      return code[at + 1] === 0xff && (((code[at + 2] ?? 0) >>> 3) & 7) === 4
    default:
      return false
  }
}

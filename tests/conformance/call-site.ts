// Where a function continues after it has called another: the return address that a stack holds.
// x64 near calls, Intel SDM volume 2, CALL: E8 rel32 (direct), FF /2 with rip-relative operand = FF 15 disp32 (through memory).
import { hex } from '@dumpstack/bytes'
import type { PeImage } from '@dumpstack/image'

const CALL_REL32 = 0xe8
const CALL_INDIRECT = 0xff
const MODRM_RIP = 0x15

/**
 * RVA after the first call, in the function at `callerRva`, of `targetRva`: a function of the image, or the pointer that
 * is called through (an import's iatRva, `__guard_dispatch_icall_fptr`). Null where the function does not call it.
 */
export function findReturnRva(image: PeImage, callerRva: number, targetRva: number): number | null {
  const caller = image.findFunction(callerRva)
  if (caller === null) throw new Error(`no function of the image covers rva ${hex(callerRva)}`)
  const section = image.sections.find(
    ({ rva, fileSize }) => caller.beginRva >= rva && caller.endRva <= rva + fileSize,
  )
  if (section === undefined) return null
  const { bytes } = image
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const toFile = section.fileOffset - section.rva
  // Every byte is tried as the start of a call: four bytes of displacement do not hit the target by chance.
  for (let next = caller.beginRva + 5; next <= caller.endRva; next++) {
    const at = next + toFile
    const isDirect = bytes[at - 5] === CALL_REL32
    const isIndirect =
      next >= caller.beginRva + 6 && bytes[at - 6] === CALL_INDIRECT && bytes[at - 5] === MODRM_RIP
    if ((isDirect || isIndirect) && next + view.getInt32(at - 4, true) === targetRva) return next
  }
  return null
}

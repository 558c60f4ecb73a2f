// Which code decides itself what follows an exception: the scope table that C compilers write behind the unwind information
// of a function with __try (Microsoft "x64 exception handling", language-specific handler data; the four RVAs of an entry as
// LLVM's WinException and MSVC's __C_specific_handler have them).
import { ImageError } from './errors.ts'
import type { PeImage } from './pe.ts'

/** No function has more; handlers of other languages have an address there. */
const MAX_SCOPES = 4096
const ENTRY_BYTES = 16
const MAX_CHAIN = 32

/** Whether the instruction at `rva` stands in a __try with an __except. A __finally alone decides nothing. */
export function isInTryExcept(image: PeImage, rva: number): boolean {
  try {
    const data = handlerData(image, rva)
    return (
      data !== null &&
      scopeTable(image, data).some(({ begin, end, target }) => rva >= begin && rva < end && target !== 0)
    )
  } catch (error) {
    if (error instanceof ImageError) return false // damaged: nobody can say
    throw error
  }
}

function handlerData(image: PeImage, rva: number): number | null {
  let unwindRva = image.findFunction(rva)?.unwindRva
  for (let depth = 0; unwindRva !== undefined && depth < MAX_CHAIN; depth++) {
    const { chained, handlerDataRva } = image.unwindInfo(unwindRva)
    if (handlerDataRva !== null) return handlerDataRva
    unwindRva = chained?.unwindRva
  }
  return null
}

interface Scope {
  readonly begin: number
  readonly end: number
  /** Where the __except goes on; 0 of a __finally. */
  readonly target: number
}

/** Empty where the data is no scope table: another language's. */
function scopeTable(image: PeImage, rva: number): Scope[] {
  const section = image.sections.find((one) => rva >= one.rva && rva + 4 <= one.rva + one.fileSize)
  if (section === undefined) return []
  const start = section.fileOffset + rva - section.rva
  const view = new DataView(image.bytes.buffer, image.bytes.byteOffset, image.bytes.byteLength)
  const count = view.getUint32(start, true)
  const end = section.fileOffset + section.fileSize
  if (count > MAX_SCOPES || start + 4 + count * ENTRY_BYTES > end) return []
  const scopes: Scope[] = []
  for (let at = start + 4; scopes.length < count; at += ENTRY_BYTES) {
    const scope = {
      begin: view.getUint32(at, true),
      end: view.getUint32(at + 4, true),
      target: view.getUint32(at + 12, true),
    }
    if (scope.begin >= scope.end || scope.end > image.sizeOfImage || scope.target >= image.sizeOfImage)
      return []
    scopes.push(scope)
  }
  return scopes
}

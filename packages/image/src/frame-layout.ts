// Where a function keeps what it saved: the stack frame that its prolog makes, read from its unwind codes.
// Laying a stack from this is the inverse of unwinding it. Microsoft "x64 exception handling".
import { hex } from '@dumpstack/bytes'
import { ImageError } from './errors.ts'
import type { PeImage } from './pe.ts'
import type { UnwindInfo } from './unwind-info.ts'

/** A register saved `offset` bytes above rsp as it is after the prolog. */
interface SavedRegister {
  readonly register: number
  readonly offset: number
}

export interface FrameLayout {
  /** From rsp after the prolog up to and including the return address, or the machine frame. */
  readonly byteLength: number
  /** Where the caller's rip lies, above rsp after the prolog. */
  readonly returnOffset: number
  /** General registers, by the number of REGISTER_NAMES. */
  readonly saved: readonly SavedRegister[]
  /** XMM registers, 16 bytes each. */
  readonly savedXmm: readonly SavedRegister[]
  /** The register that holds rsp plus `offset` after the prolog; null without frame pointer. */
  readonly framePointer: SavedRegister | null
  /** The function was entered by an interrupt: rip, cs, eflags, rsp and ss lie at returnOffset, no return address. */
  readonly hasMachineFrame: boolean
}

const RETURN_ADDRESS_BYTES = 8
const MACHINE_FRAME_BYTES = 0x28
const MAX_CHAIN = 32

/** The frame of the function at `rva` after its prolog, chained parents included; a leaf has its return address only. */
export function frameLayout(image: PeImage, rva: number): FrameLayout {
  if (!(rva >= 0 && rva < image.sizeOfImage)) {
    throw new ImageError(
      'IMAGE_RVA_OUTSIDE',
      `function at rva ${hex(rva)} is outside the image of ${hex(image.sizeOfImage)} bytes`,
      { rva },
    )
  }
  const entry = image.findFunction(rva)
  const frame = new FrameBuilder()
  let unwindRva = entry?.unwindRva ?? null
  for (let depth = 0; unwindRva !== null; depth++) {
    if (depth === MAX_CHAIN) {
      throw new ImageError(
        'IMAGE_BAD_UNWIND_INFO',
        `unwind information of rva ${hex(rva)} is chained more than ${MAX_CHAIN} times`,
        { rva },
      )
    }
    const info = image.unwindInfo(unwindRva)
    frame.add(info)
    unwindRva = info.chained?.unwindRva ?? null
  }
  return frame.finish()
}

class FrameBuilder {
  readonly #saved: SavedRegister[] = []
  readonly #savedXmm: SavedRegister[] = []
  #framePointer: SavedRegister | null = null
  #hasMachineFrame = false
  /** Bytes between rsp after the prolog and rsp before the instructions seen so far. */
  #cursor = 0

  add(info: UnwindInfo): void {
    // Saves are relative to rsp at SET_FPREG, or to rsp after the prolog where there is no frame pointer.
    let base = this.#cursor
    if (info.frameRegister !== null) {
      for (const code of info.codes) {
        if (code.op === 'SET_FPREG') break
        if (code.op === 'PUSH_NONVOL') base += 8
        else if (code.op === 'ALLOC_SMALL' || code.op === 'ALLOC_LARGE') base += code.byteLength
      }
      this.#framePointer ??= { register: info.frameRegister, offset: base + info.frameOffset }
    }
    for (const code of info.codes) {
      switch (code.op) {
        case 'PUSH_NONVOL':
          this.#saved.push({ register: code.register, offset: this.#cursor })
          this.#cursor += 8
          break
        case 'ALLOC_SMALL':
        case 'ALLOC_LARGE':
          this.#cursor += code.byteLength
          break
        case 'SAVE_NONVOL':
        case 'SAVE_NONVOL_FAR':
          this.#saved.push({ register: code.register, offset: base + code.offset })
          break
        case 'SAVE_XMM128':
        case 'SAVE_XMM128_FAR':
          this.#savedXmm.push({ register: code.register, offset: base + code.offset })
          break
        case 'PUSH_MACHFRAME':
          this.#hasMachineFrame = true
          if (code.hasErrorCode) this.#cursor += 8
          break
        case 'SET_FPREG':
        case 'EPILOG':
          break
      }
    }
  }

  finish(): FrameLayout {
    return {
      byteLength: this.#cursor + (this.#hasMachineFrame ? MACHINE_FRAME_BYTES : RETURN_ADDRESS_BYTES),
      returnOffset: this.#cursor,
      saved: this.#saved,
      savedXmm: this.#savedXmm,
      framePointer: this.#framePointer,
      hasMachineFrame: this.#hasMachineFrame,
    }
  }
}

// Exceptions of guest code, as the kernel dispatches them on x64: frames are walked by the image's unwind information, the handlers of their
// functions are called, and where one takes the exception the frames above it are unwound and code goes on there. Handlers are the image's own
// code; what most of them jump to is __C_specific_handler (exports/exceptions.ts). Microsoft "x64 exception handling". Not dispatched: into
// frames beyond a routine that the port called, and a second unwind inside of one.
import { type Gva, gva } from '@dumpstack/bytes'
import { type Cpu, Gpr } from '@dumpstack/cpu'
import { frameLayout, ImageError, type PeImage, UNW_FLAG_EHANDLER, UNW_FLAG_UHANDLER } from '@dumpstack/image'
import {
  ContextX64,
  DispatcherContext,
  EXCEPTION_NONCONTINUABLE,
  EXCEPTION_TARGET_UNWIND,
  EXCEPTION_UNWINDING,
  ExceptionPointers,
  ExceptionRecord64,
} from '@dumpstack/nt'
import type { LoadedImage } from '../kernel-services.ts'
import {
  contextOf,
  copied,
  exceptionRecordOf,
  loadRegisters,
  type Raised,
  type Registers,
  registersIn,
  registersOf,
  XMM_BYTES,
} from './registers.ts'

/** A handler's decision, thrown through the host's frames to the dispatch: go on at `ip` in the frame, and unwind what is above it. */
export class UnwindRequest {
  readonly frame: bigint
  readonly ip: bigint

  constructor(frame: bigint, ip: bigint) {
    this.frame = frame
    this.ip = ip
  }
}

const MAX_FRAMES = 64
const MAX_CHAIN = 32
/** EXCEPTION_DISPOSITION */
const CONTINUE_EXECUTION = 0n

/** What lies on the stack below the exception, by offset; pointers follow the dispatcher context, where __C_specific_handler finds them. */
const RECORD_AT = 0
const CONTEXT_AT = 0xa0
const DISPATCHER_AT = CONTEXT_AT + ContextX64.size
const POINTERS_AT = DISPATCHER_AT + DispatcherContext.size
const ENTRY_AT = POINTERS_AT + ExceptionPointers.size
const ROOM = 0x700
/** After DISPATCHER_CONTEXT. */
export const POINTERS_BEHIND_DISPATCHER = BigInt(POINTERS_AT - DISPATCHER_AT)
const RUNTIME_FUNCTION_BYTES = 12

interface FrameHandler {
  readonly flags: number
  readonly address: Gva
  readonly data: bigint
}

interface Frame {
  readonly registers: Registers
  readonly image: LoadedImage
  readonly establisher: bigint
  readonly handler: FrameHandler | null
  readonly functionEntry: readonly [begin: number, end: number, unwind: number]
}

export class ExceptionDispatch {
  readonly #cpu: Cpu
  readonly #pe: PeImage
  readonly #images: () => readonly LoadedImage[]
  readonly #call: (entry: Gva, args: readonly bigint[]) => bigint

  /** `call` runs a handler at the level of who raised. */
  constructor(
    cpu: Cpu,
    pe: PeImage,
    images: () => readonly LoadedImage[],
    call: (entry: Gva, args: readonly bigint[]) => bigint,
  ) {
    this.#cpu = cpu
    this.#pe = pe
    this.#images = images
    this.#call = call
  }

  /** `isServed`: an import raised it, for the code that called it. True where code goes on at rip; otherwise nothing has changed. */
  dispatch(raised: Raised, isServed: boolean): boolean {
    const cpu = this.#cpu
    const saved = cpu.saveState()
    const start = registersOf(cpu, isServed)
    const room = ((start.gpr[Gpr.rsp]! - BigInt(ROOM)) & ~0xfn) - 8n
    const base = gva(room + 8n)
    if (!this.#writeRecords(base, raised, start)) return false
    cpu.writeGpr(Gpr.rsp, base)
    try {
      for (const frame of this.#frames(start)) {
        if (((frame.handler?.flags ?? 0) & UNW_FLAG_EHANDLER) === 0) continue
        if (this.#callHandler(base, frame, 0n) !== CONTINUE_EXECUTION) continue
        if ((raised.flags & EXCEPTION_NONCONTINUABLE) !== 0) break
        loadRegisters(cpu, this.#changedContext(base, start))
        return true
      }
    } catch (error) {
      if (!(error instanceof UnwindRequest)) throw error
      if (this.#unwind(base, raised, start, error)) return true
    }
    cpu.restoreState(saved)
    return false
  }

  /** Calls the termination handlers above the frame, and goes on in it. */
  #unwind(base: Gva, raised: Raised, start: Registers, { frame: target, ip }: UnwindRequest): boolean {
    for (const frame of this.#frames(start)) {
      const isTarget = frame.establisher === target
      if (((frame.handler?.flags ?? 0) & UNW_FLAG_UHANDLER) !== 0) {
        const flags = raised.flags | EXCEPTION_UNWINDING | (isTarget ? EXCEPTION_TARGET_UNWIND : 0)
        this.#write(base + BigInt(ExceptionRecord64.fields.exceptionFlags.offset), u32Bytes(flags))
        this.#callHandler(base, frame, ip)
      }
      if (!isTarget) continue
      frame.registers.gpr[Gpr.rax] = BigInt(raised.code)
      frame.registers.rip = ip
      loadRegisters(this.#cpu, frame.registers)
      return true
    }
    return false
  }

  #callHandler(base: Gva, frame: Frame, targetIp: bigint): bigint {
    const { image, handler, establisher, functionEntry, registers } = frame
    const bytes = new Uint8Array(DispatcherContext.size + ExceptionPointers.size + RUNTIME_FUNCTION_BYTES)
    const view = new DataView(bytes.buffer)
    const context = DispatcherContext.at(view)
    context.controlPc = registers.rip
    context.imageBase = image.base
    context.functionEntry = base + BigInt(ENTRY_AT)
    context.establisherFrame = establisher
    context.targetIp = targetIp
    context.contextRecord = base + BigInt(CONTEXT_AT)
    context.languageHandler = handler!.address // of a frame that has one
    context.handlerData = handler!.data
    const pointers = ExceptionPointers.at(view, POINTERS_AT - DISPATCHER_AT)
    pointers.exceptionRecord = base + BigInt(RECORD_AT)
    pointers.contextRecord = base + BigInt(CONTEXT_AT)
    for (const [index, rva] of functionEntry.entries())
      view.setUint32(ENTRY_AT - DISPATCHER_AT + index * 4, rva, true)
    const dispatcher = base + BigInt(DISPATCHER_AT)
    this.#write(dispatcher, bytes)
    this.#cpu.writeGpr(Gpr.rsp, base)
    const args = [base + BigInt(RECORD_AT), establisher, base + BigInt(CONTEXT_AT), dispatcher]
    return this.#call(handler!.address, args) & 0xffffffffn
  }

  /** From where the exception was raised outwards, up to the first return address outside the images. */
  *#frames(start: Registers): Iterable<Frame> {
    let registers = copied(start)
    for (let count = 0; count < MAX_FRAMES; count++) {
      const { rip } = registers
      const image = this.#images().find(({ base, size }) => rip >= base && rip < base + BigInt(size))
      if (image === undefined) return
      const next = copied(registers)
      const frame = this.#frame(registers, image, next)
      if (frame === null) return
      yield frame
      registers = next
    }
  }

  /** One frame; `next` becomes the registers of its caller. Null where the stack or the image cannot be read. */
  #frame(registers: Registers, image: LoadedImage, next: Registers): Frame | null {
    const rva = Number(registers.rip - image.base)
    const rsp = registers.gpr[Gpr.rsp]!
    const entry = this.#pe.findFunction(rva)
    try {
      const layout = frameLayout(this.#pe, rva)
      if (layout.hasMachineFrame) return null
      const pointer = layout.framePointer
      const top = pointer === null ? rsp : registers.gpr[pointer.register]! - BigInt(pointer.offset)
      const returnAt = top + BigInt(layout.returnOffset)
      const returnAddress = this.#word(returnAt)
      if (returnAddress === null) return null
      for (const { register, offset } of layout.saved) {
        next.gpr[register] = this.#word(top + BigInt(offset)) ?? next.gpr[register]!
      }
      for (const { register, offset } of layout.savedXmm) {
        const at = register * XMM_BYTES
        this.#cpu.read(gva(top + BigInt(offset)), next.xmm.subarray(at, at + XMM_BYTES))
      }
      next.gpr[Gpr.rsp] = returnAt + 8n
      next.rip = returnAddress
      return {
        registers,
        image,
        establisher: this.#establisher(registers, rva) ?? top,
        handler: this.#handlerOf(image, rva),
        functionEntry: [entry?.beginRva ?? rva, entry?.endRva ?? rva, entry?.unwindRva ?? 0],
      }
    } catch (error) {
      if (error instanceof ImageError) return null
      throw error
    }
  }

  /** Of a function with a frame register: rsp as it was when that was set. */
  #establisher({ gpr }: Registers, rva: number): bigint | null {
    const entry = this.#pe.findFunction(rva)
    if (entry === null) return null
    const { frameRegister, frameOffset } = this.#pe.unwindInfo(entry.unwindRva)
    return frameRegister === null ? null : gpr[frameRegister]! - BigInt(frameOffset)
  }

  #handlerOf(image: LoadedImage, rva: number): FrameHandler | null {
    let unwindRva = this.#pe.findFunction(rva)?.unwindRva
    for (let depth = 0; unwindRva !== undefined && depth < MAX_CHAIN; depth++) {
      const { chained, flags, handlerRva, handlerDataRva } = this.#pe.unwindInfo(unwindRva)
      if (handlerRva !== null && handlerDataRva !== null) {
        const address = gva(image.base + BigInt(handlerRva))
        return { flags, address, data: image.base + BigInt(handlerDataRva) }
      }
      unwindRva = chained?.unwindRva
    }
    return null
  }

  // What of the registers lies in the guest's memory

  /** False where the stack has no room for them. */
  #writeRecords(base: Gva, raised: Raised, start: Registers): boolean {
    const bytes = new Uint8Array(DISPATCHER_AT)
    bytes.set(exceptionRecordOf(raised, start.rip), RECORD_AT)
    bytes.set(contextOf(start), CONTEXT_AT)
    return this.#write(base, bytes)
  }

  /** As a filter left it that had the exception continued. */
  #changedContext(base: Gva, start: Registers): Registers {
    const bytes = new Uint8Array(ContextX64.size)
    this.#cpu.read(gva(base + BigInt(CONTEXT_AT)), bytes)
    return { ...start, ...registersIn(bytes) }
  }

  #write(va: bigint, bytes: Uint8Array): boolean {
    return this.#cpu.write(gva(va), bytes) === bytes.byteLength
  }

  #word(va: bigint): bigint | null {
    const bytes = new Uint8Array(8)
    if (this.#cpu.read(gva(va), bytes) < 8) return null
    return new DataView(bytes.buffer).getBigUint64(0, true)
  }
}

function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

// Exceptions of guest code, as the kernel dispatches them on x64: frames are walked by the image's unwind information, the handlers of their
// functions are called, and where one takes the exception the frames above it are unwound and code goes on there. Handlers are the image's own
// code; what most of them jump to is __C_specific_handler (exports/exceptions.ts). Microsoft "x64 exception handling". Not dispatched: into
// frames beyond a routine that the port called, and a second unwind inside of one.
import { type Gva, gva } from '@dumpstack/bytes'
import { type Cpu, Gpr } from '@dumpstack/cpu'
import { frameLayout, ImageError, type PeImage, UNW_FLAG_EHANDLER, UNW_FLAG_UHANDLER } from '@dumpstack/image'
import {
  CONTEXT_FULL,
  ContextX64,
  DispatcherContext,
  EXCEPTION_NONCONTINUABLE,
  EXCEPTION_TARGET_UNWIND,
  EXCEPTION_UNWINDING,
  ExceptionPointers,
  ExceptionRecord64,
} from '@dumpstack/nt'
import type { LoadedImage } from '../kernel-services.ts'

/** What was raised: the fields of an EXCEPTION_RECORD that are not of the place. */
export interface Raised {
  readonly code: number
  readonly flags: number
  readonly parameters: readonly bigint[]
}

/** A handler's decision, thrown through the host's frames to the dispatch: go on at `ip` in the frame, and unwind what is above it. */
export class UnwindRequest {
  readonly frame: bigint
  readonly ip: bigint

  constructor(frame: bigint, ip: bigint) {
    this.frame = frame
    this.ip = ip
  }
}

const REGISTERS = 16
const XMM_BYTES = 16
const MAX_FRAMES = 64
const MAX_CHAIN = 32
/** EXCEPTION_DISPOSITION */
const CONTINUE_EXECUTION = 0n

const GPR_AT = ContextX64.fields.rax.offset
const XMM_AT = ContextX64.fields.fltSave.offset + 0xa0
/** What lies on the stack below the exception, by offset; pointers follow the dispatcher context, where __C_specific_handler finds them. */
const RECORD_AT = 0
const CONTEXT_AT = 0xa0
const DISPATCHER_AT = CONTEXT_AT + ContextX64.size
const POINTERS_AT = DISPATCHER_AT + DispatcherContext.size
const ENTRY_AT = POINTERS_AT + ExceptionPointers.size
const ROOM = 0x700
/** Behind DISPATCHER_CONTEXT. */
export const POINTERS_BEHIND_DISPATCHER = BigInt(POINTERS_AT - DISPATCHER_AT)
const RUNTIME_FUNCTION_BYTES = 12

interface Registers {
  readonly gpr: bigint[]
  readonly xmm: Uint8Array
  rip: bigint
}

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
    const start = this.#registers(isServed)
    const room = ((start.gpr[Gpr.rsp]! - BigInt(ROOM)) & ~0xfn) - 8n
    const base = gva(room + 8n)
    if (!this.#writeRecords(base, raised, start)) return false
    cpu.writeGpr(Gpr.rsp, base)
    try {
      for (const frame of this.#frames(start)) {
        if (((frame.handler?.flags ?? 0) & UNW_FLAG_EHANDLER) === 0) continue
        if (this.#callHandler(base, frame, 0n) !== CONTINUE_EXECUTION) continue
        if ((raised.flags & EXCEPTION_NONCONTINUABLE) !== 0) break
        this.#load(this.#changedContext(base, start))
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
      this.#load(frame.registers)
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

  // Registers, and what of them lies in the guest's memory

  #registers(isServed: boolean): Registers {
    const cpu = this.#cpu
    const gpr = Array.from({ length: REGISTERS }, (_, index) => cpu.readGpr(index as Gpr)) // 0 to 15 are all there are
    const xmm = new Uint8Array(REGISTERS * XMM_BYTES)
    for (let index = 0; index < REGISTERS; index++) xmm.set(cpu.xmm(index), index * XMM_BYTES)
    if (!isServed) return { gpr, xmm, rip: cpu.rip }
    const rip = cpu.returnAddress
    gpr[Gpr.rsp] = gpr[Gpr.rsp]! + 8n
    return { gpr, xmm, rip }
  }

  #load({ gpr, xmm, rip }: Registers): void {
    const cpu = this.#cpu
    for (const [index, value] of gpr.entries()) cpu.writeGpr(index as Gpr, value) // as above
    for (let index = 0; index < REGISTERS; index++)
      cpu.xmm(index).set(xmm.subarray(index * XMM_BYTES, (index + 1) * XMM_BYTES))
    cpu.rip = gva(rip)
  }

  /** False where the stack has no room for them. */
  #writeRecords(base: Gva, { code, flags, parameters }: Raised, { gpr, xmm, rip }: Registers): boolean {
    const bytes = new Uint8Array(DISPATCHER_AT)
    const view = new DataView(bytes.buffer)
    const record = ExceptionRecord64.at(view, RECORD_AT)
    record.exceptionCode = code
    record.exceptionFlags = flags
    record.exceptionAddress = rip
    record.numberParameters = parameters.length
    const { exceptionInformation } = ExceptionRecord64.fields
    for (const [index, value] of parameters.entries())
      view.setBigUint64(RECORD_AT + exceptionInformation.offset + index * 8, value, true)
    const context = ContextX64.at(view, CONTEXT_AT)
    context.contextFlags = CONTEXT_FULL
    context.eFlags = this.#cpu.rflags
    context.rip = rip
    for (const [index, value] of gpr.entries())
      view.setBigUint64(CONTEXT_AT + GPR_AT + index * 8, BigInt.asUintN(64, value), true)
    bytes.set(xmm, CONTEXT_AT + XMM_AT)
    return this.#write(base, bytes)
  }

  /** As a filter left it that had the exception continued. */
  #changedContext(base: Gva, { xmm }: Registers): Registers {
    const bytes = new Uint8Array(ContextX64.size)
    this.#cpu.read(gva(base + BigInt(CONTEXT_AT)), bytes)
    const view = new DataView(bytes.buffer)
    const gpr = Array.from({ length: REGISTERS }, (_, index) => view.getBigUint64(GPR_AT + index * 8, true))
    return { gpr, xmm, rip: ContextX64.at(view).rip }
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

const copied = ({ gpr, xmm, rip }: Registers): Registers => ({ gpr: gpr.slice(), xmm: xmm.slice(), rip })

function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

// Lays a call stack in guest memory: the inverse of unwinding. Frame sizes and saved registers come from each image's own
// .pdata, return addresses from its code. No instruction ran: a report says `executed: false`.
import { type Gva, gva } from '@dumpstack/bytes'
import { type FrameLayout, findReturnRva, frameLayout } from '@dumpstack/image'
import type { AddressSpace } from '../boot/address-space.ts'
import type { KernelImage } from '../boot/loaded-images.ts'
import { WindowsError } from '../errors.ts'
import { findBehind } from './instruction.ts'

/** A function on the stack. */
export interface StackFunction {
  readonly image: KernelImage
  readonly name: string
}

/** Where a machine frame returns to, as the processor pushed it. */
export interface MachineFrame {
  readonly rip: bigint
  readonly cs: number
  readonly eFlags: number
  readonly rsp: bigint
  readonly ss: number
}

export const KERNEL_CS = 0x10
export const KERNEL_SS = 0x18
/** Interrupts enabled, bit 1 always set. */
export const EFLAGS_INTERRUPTS_ON = 0x202
export const EFLAGS_INTERRUPTS_OFF = 0x2

const RSP = 4
const LONGEST_LEAF = 64
/** Images built with control flow guard call every pointer through this one. */
const CALL_POINTER = '__guard_dispatch_icall_fptr'

export class StackWriter {
  readonly #space: AddressSpace
  /** General registers by their number in unwind codes. */
  readonly registers: BigUint64Array = new BigUint64Array(16)
  #rsp: bigint
  /** The function whose frame is on top, and where its frame is; null before the first. */
  #top: { function: StackFunction; rva: number } | null = null

  /** `top`: rsp before anything is on the stack. */
  constructor(space: AddressSpace, top: Gva) {
    this.#space = space
    this.#rsp = top
  }

  /** rsp after the prolog of the function on top. */
  get rsp(): Gva {
    return gva(this.#rsp)
  }

  /** The first function of a thread: nothing called it, its return address is 0. */
  enterFirst(target: StackFunction): void {
    this.#push(0n)
    this.#enter(target)
  }

  /** The function on top calls `target`: directly, through its import table, or through a pointer. */
  call(target: StackFunction, through?: 'pointer'): void {
    this.#push(this.#returnAddress(target, through))
    this.#enter(target)
  }

  /** An interrupt or a system call stopped what `from` describes and entered `target`, which has a machine frame. */
  interrupt(target: StackFunction, from: MachineFrame): void {
    const rva = rvaOf(target)
    const layout = frameLayout(target.image.pe, rva)
    if (!layout.hasMachineFrame) {
      throw new WindowsError('NO_MACHINE_FRAME', `${target.name} is not entered by an interrupt`, {
        name: target.name,
      })
    }
    // The processor aligns rsp before it pushes (SDM volume 3, 6.14.2).
    const frameEnd = this.#rsp & ~0xfn
    this.#place(target, rva, layout, frameEnd - BigInt(layout.byteLength))
    const at = this.#rsp + BigInt(layout.returnOffset)
    const words = [from.rip, BigInt(from.cs), BigInt(from.eFlags), from.rsp, BigInt(from.ss)]
    for (const [index, word] of words.entries()) this.#space.setU64(gva(at + BigInt(index * 8)), word)
  }

  /** A call whose target has not run its prolog: rsp points at the return address. Returns rip. */
  callWithoutProlog(target: StackFunction): Gva {
    this.#push(this.#returnAddress(target))
    return gva(target.image.base + BigInt(rvaOf(target)))
  }

  /** The function on top takes `byteLength` more of the stack; it must have a frame pointer. */
  reserve(byteLength: number): void {
    this.#rsp -= BigInt(byteLength)
    this.registers[RSP] = this.#rsp
  }

  /** Address behind an instruction of the function on top, given by its bytes: where it can be stopped. */
  ripBehind(instruction: readonly number[]): Gva {
    const { function: top, rva } = this.#current()
    const { pe, base } = top.image
    // A leaf function has no entry: it ends where the next one begins, if not before.
    const endRva =
      pe.findFunction(rva)?.endRva ??
      Math.min(
        rva + LONGEST_LEAF,
        pe.runtimeFunctions.find(({ beginRva }) => beginRva > rva)?.beginRva ?? rva,
      )
    const code = this.#space.read(gva(base + BigInt(rva)), endRva - rva)
    return gva(base + BigInt(findBehind({ name: top.name, beginRva: rva, code }, instruction)))
  }

  #enter(target: StackFunction): void {
    const rva = rvaOf(target)
    const layout = frameLayout(target.image.pe, rva)
    // rsp is at the return address, the last word of the frame.
    this.#place(target, rva, layout, this.#rsp - BigInt(layout.returnOffset))
  }

  #place(target: StackFunction, rva: number, layout: FrameLayout, rsp: bigint): void {
    for (const { register, offset } of layout.saved) {
      this.#space.setU64(gva(rsp + BigInt(offset)), this.registers[register]!)
    }
    if (layout.framePointer !== null) {
      this.registers[layout.framePointer.register] = rsp + BigInt(layout.framePointer.offset)
    }
    this.#rsp = rsp
    this.registers[RSP] = rsp
    this.#top = { function: target, rva }
  }

  #push(value: bigint): void {
    this.#rsp -= 8n
    this.registers[RSP] = this.#rsp
    this.#space.setU64(gva(this.#rsp), value)
  }

  #returnAddress(target: StackFunction, through?: 'pointer'): bigint {
    const { function: caller, rva } = this.#current()
    const called =
      through === 'pointer' ? rvaOf({ ...caller, name: CALL_POINTER }) : calledRva(caller, target)
    const returnRva = called === null ? null : findReturnRva(caller.image.pe, rva, called)
    if (returnRva === null) {
      throw new WindowsError(
        'NO_CALL_SITE',
        `${caller.name} of ${caller.image.baseName} never calls ${target.name}`,
        {
          caller: caller.name,
          target: target.name,
        },
      )
    }
    return caller.image.base + BigInt(returnRva)
  }

  #current(): { function: StackFunction; rva: number } {
    if (this.#top === null) throw new WindowsError('EMPTY_STACK', 'the stack has no function yet')
    return this.#top
  }
}

function rvaOf(target: StackFunction): number {
  const rva = target.image.pe.exports.get(target.name)
  if (rva !== undefined) return rva
  throw new WindowsError('SYMBOL_NOT_FOUND', `${target.image.nameOnDisk} does not export ${target.name}`, {
    name: target.name,
  })
}

/** What a call of `target` names in the caller's code: the function itself, or its import address table slot. */
function calledRva(caller: StackFunction, target: StackFunction): number | null {
  if (caller.image === target.image) return rvaOf(target)
  const imported = caller.image.pe.imports.flatMap(({ names }) => names)
  return imported.find(({ name }) => name === target.name)?.iatRva ?? null
}

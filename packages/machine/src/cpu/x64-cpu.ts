// The processor as its callers see it: registers, calls into guest code, traps out of it.
import { type Gpa, type Gva, gpa as gpaOf, gva as gvaOf, hex } from '@dumpstack/bytes'
import { MachineError } from '../errors.ts'
import type { Machine } from '../machine.ts'
import { Core } from './core.ts'
import type { Cpu, CpuBudget, CpuOptions, CpuState, DeviceAccess, Gpr } from './cpu.ts'
import type { Decoder } from './decoder.ts'
import { type BlockCode, Exit } from './emit/compile.ts'
import type { HostMemory } from './host-memory.ts'
import { Fault } from './mmu.ts'
import { Word } from './state.ts'
import { CpuStop, highHalf, Interruption, joined, lowHalf } from './stop.ts'

const MAX_CALL_DEPTH = 32
const TRAP_BYTES = 16
const DEFAULT_NS_PER_INSTRUCTION = 1
const RAX = 0
const AFTER_RAX = 2 // words
const RSP = 4
const RSP_WORD = RSP * 2
const ARGUMENT_REGISTERS = [1, 2, 8, 9] // rcx, rdx, r8, r9
/** Room above the return address for the register arguments. */
const HOME_BYTES = 32
/** No stack pointer is that of a return to where nobody called. */
const NOWHERE = -1n

interface TrapRange {
  readonly base: bigint
  readonly end: bigint
  readonly handler: (slot: number) => bigint
}

/** One call in progress: the registers to put back, and rsp after its return. */
interface Frame {
  readonly words: Int32Array
  /** Parts of them: general registers but rax, rip and flags; vector registers. */
  readonly registers: Int32Array
  readonly vectors: Int32Array
  returnRsp: bigint
}

export class X64Cpu implements Cpu {
  readonly #core: Core
  readonly #words: Int32Array
  readonly #quads: BigUint64Array
  readonly #traps: TrapRange[] = []
  /** Made once for each depth. */
  readonly #frames: Frame[] = []
  #depth = 0

  constructor(machine: Machine, decoder: Decoder, options: CpuOptions = {}) {
    const ns = options.nsPerInstruction ?? DEFAULT_NS_PER_INSTRUCTION
    this.#core = new Core(machine, decoder, ns, (lo, hi) => this.#special(lo, hi))
    this.#words = this.#core.state.words
    this.#quads = this.#core.state.quads
  }

  readGpr(register: Gpr): bigint {
    return this.#quads[register]!
  }

  writeGpr(register: Gpr, value: bigint): void {
    this.#quads[register] = value
  }

  xmm(index: number): Uint8Array {
    if (!(index >= 0 && index < 16)) {
      throw new MachineError('CPU_USE', `register xmm${index} does not exist, expected xmm0 to xmm15`)
    }
    const start = (Word.xmm + index * 4) * 4
    return this.#core.state.bytes.subarray(start, start + 16)
  }

  get rip(): Gva {
    return gvaOf(this.#quads[Word.rip >> 1]!)
  }
  set rip(value: Gva) {
    this.#quads[Word.rip >> 1] = value
  }
  get rflags(): number {
    return this.#core.flags.read()
  }
  set rflags(value: number) {
    this.#core.flags.write(value)
  }
  get cr3(): Gpa {
    return gpaOf(Number(this.#quads[Word.cr3 >> 1]!))
  }
  set cr3(value: Gpa) {
    this.#quads[Word.cr3 >> 1] = BigInt(value)
    this.#core.flush()
  }
  get cr8(): number {
    return this.#words[Word.cr8]!
  }
  set cr8(value: number) {
    this.#words[Word.cr8] = value
  }
  get gsBase(): Gva {
    return gvaOf(this.#quads[Word.gsBase >> 1]!)
  }
  set gsBase(value: Gva) {
    this.#quads[Word.gsBase >> 1] = value
  }
  get fsBase(): Gva {
    return gvaOf(this.#quads[Word.fsBase >> 1]!)
  }
  set fsBase(value: Gva) {
    this.#quads[Word.fsBase >> 1] = value
  }
  get instructionCount(): number {
    return this.#core.meter.instructionCount
  }
  get budget(): CpuBudget {
    return this.#core.meter.budget
  }

  call(entry: Gva, args: readonly bigint[]): bigint {
    return this.#nested(entry, (frame) => {
      frame.words.set(this.#words)
      this.#quads[Word.rip >> 1] = entry
      this.#core.run(() => this.#enter(frame, args))
      const answer = this.#quads[RAX]!
      this.#putBack(frame)
      return answer
    })
  }

  run(): never {
    return this.#nested(this.rip, (frame) => {
      frame.returnRsp = NOWHERE
      this.#core.run(() => {})
      throw new MachineError('CPU_USE', 'code returned that nobody called')
    })
  }

  #nested<T>(rip: Gva, action: (frame: Frame) => T): T {
    if (this.#depth === MAX_CALL_DEPTH) {
      throw new CpuStop({ reason: 'callDepth', rip, bytes: new Uint8Array(0) })
    }
    if (this.#depth === 0) this.#core.begin()
    const frame = this.#frame(this.#depth)
    this.#depth++
    try {
      return action(frame)
    } finally {
      this.#depth--
    }
  }

  saveState(): CpuState {
    return { words: this.#words.slice() }
  }

  restoreState({ words }: CpuState): void {
    const remaining = this.#words[Word.remaining]! // the meter counts on where it was
    this.#words.set(words)
    this.#words[Word.remaining] = remaining
    this.#core.flush()
  }

  trap(base: Gva, count: number, handler: (slot: number) => bigint): void {
    const end = base + BigInt(count * TRAP_BYTES)
    if (this.#traps.some((other) => base < other.end && other.base < end)) {
      throw new MachineError('CPU_USE', `traps at ${hex(base)} overlap others`, { base, count })
    }
    this.#traps.push({ base, end, handler })
    this.#core.flush() // code that was decoded at these addresses is over
  }

  argument(index: number): bigint {
    const register = ARGUMENT_REGISTERS[index]
    if (register !== undefined) return this.#quads[register]!
    return this.#memory.quad(this.#quads[RSP]! + BigInt(8 + index * 8))
  }

  get returnAddress(): Gva {
    return gvaOf(this.#memory.quad(this.#quads[RSP]!))
  }

  read(gva: Gva, into: Uint8Array): number {
    return this.#memory.read(gva, into)
  }

  write(gva: Gva, from: Uint8Array): number {
    return this.#memory.write(gva, from)
  }

  translate(gva: Gva): Gpa | null {
    return this.#memory.translate(gva)
  }

  onDeviceAccess(observer: ((access: DeviceAccess) => void) | null): void {
    this.#core.observer = observer
  }

  invalidate(): void {
    this.#core.flush()
  }

  /** As the page tables in RAM have it now. */
  get #memory(): HostMemory {
    this.#core.lookAtRam()
    return this.#core.hostMemory
  }

  #frame(depth: number): Frame {
    const known = this.#frames[depth]
    if (known !== undefined) return known
    const words = new Int32Array(Word.count)
    const registers = words.subarray(AFTER_RAX, Word.system + 1)
    const frame = { words, registers, vectors: words.subarray(Word.xmm, Word.scratch), returnRsp: 0n }
    this.#frames[depth] = frame
    return frame
  }

  /** Arguments, home space and a return address of 0, where unwinders stop, onto the stack. */
  #enter(frame: Frame, args: readonly bigint[]): void {
    const quads = this.#quads
    const space = HOME_BYTES + Math.max(0, args.length - ARGUMENT_REGISTERS.length) * 8
    const rsp = BigInt.asUintN(64, (quads[RSP]! & ~15n) - BigInt(((space + 15) & ~15) + 8))
    for (let i = ARGUMENT_REGISTERS.length; i < args.length; i++)
      this.#push(rsp + BigInt(8 + i * 8), args[i]!)
    this.#push(rsp, 0n)
    for (let i = 0; i < args.length && i < ARGUMENT_REGISTERS.length; i++) {
      quads[ARGUMENT_REGISTERS[i]!] = args[i]!
    }
    quads[RSP] = rsp
    frame.returnRsp = BigInt.asUintN(64, rsp + 8n)
  }

  #push(at: bigint, value: bigint): void {
    this.#core.memory.store64(lowHalf(at), highHalf(at), lowHalf(value), highHalf(value))
  }

  /** All registers but rax; segment bases, cr8 and other system state stay as the code left them. */
  #putBack({ registers, vectors }: Frame): void {
    this.#words.set(registers, AFTER_RAX)
    this.#words.set(vectors, Word.xmm)
  }

  /** A trap's handler, or the end of the call where its return address leads. */
  #special(lo: number, hi: number): BlockCode | null {
    if (lo === 0 && hi === 0) return () => this.#leave()
    const address = joined(lo, hi)
    const range = this.#traps.find(({ base, end }) => address >= base && address < end)
    if (range === undefined) return null
    const offset = Number(address - range.base)
    const { handler } = range
    return offset % TRAP_BYTES === 0 ? () => this.#handle(handler, offset / TRAP_BYTES) : null
  }

  /** Any other way to address 0 is a fault of the guest. */
  #leave(): number {
    if (this.#quads[RSP] === this.#frames[this.#depth - 1]!.returnRsp) return Exit.returned
    const errorCode = Fault.execute | ((this.#words[Word.cs]! & 3) === 0 ? 0 : Fault.user)
    throw new Interruption('pageFault', {
      address: joined(0, 0),
      access: 'execute',
      present: false,
      errorCode,
    })
  }

  #handle(handler: (slot: number) => bigint, slot: number): number {
    const words = this.#words
    const { meter, memory } = this.#core
    meter.account(0)
    meter.checkStall()
    const answer = handler(slot)
    this.#core.lookAtRam()
    this.#quads[RAX] = answer
    words[Word.rip] = memory.load64(words[RSP_WORD]!, words[RSP_WORD + 1]!)
    words[Word.rip + 1] = words[Word.high]!
    const rsp = (words[RSP_WORD]! + 8) | 0
    if (rsp >>> 0 < 8) words[RSP_WORD + 1]!++
    words[RSP_WORD] = rsp
    meter.checkStall()
    meter.grant()
    return Exit.next
  }
}

/** A processor of the machine; the decoder comes from `@dumpstack/machine/node`. */
export const createCpu = (machine: Machine, decoder: Decoder, options?: CpuOptions): Cpu =>
  new X64Cpu(machine, decoder, options)

// The processor as its callers see it: registers, calls into guest code, traps out of it.
import { type Gpa, type Gva, gpa as gpaOf, gva as gvaOf, hex } from '@dumpstack/bytes'
import { type Core, plugCore, unplugCore } from './core.ts'
import type { Cpu, CpuBudget, CpuOptions, CpuState, DeviceAccess, Gpr } from './cpu.ts'
import type { DecodedInstruction, Decoder } from './decoder.ts'
import { type BlockCode, Exit } from './emit/compile.ts'
import { CpuError } from './errors.ts'
import type { HostMemory } from './host-memory.ts'
import { Fault } from './mmu.ts'
import { Word } from './state.ts'
import { CpuStop, Exception, highHalf, joined, lowHalf } from './stop.ts'
import { upperHalf } from './tlb.ts'
import type { CpuWorld } from './world.ts'

const MAX_CALL_DEPTH = 32
const TRAP_BYTES = 16
/** Writing a block anew costs what some 200 of its runs gain. */
const DEFAULTS: Required<CpuOptions> = { nsPerInstruction: 1, hotRuns: 200 }
/** In instructions: what a call into the host takes of it. */
const TRAP_COST = 8
const RAX = 0
const RSP = 4
const RSP_WORD = RSP * 2
const ARGUMENT_REGISTERS = [1, 2, 8, 9] // rcx, rdx, r8, r9
/** Room above the return address for the register arguments. */
const HOME_BYTES = 32
const MAX_INSTRUCTION_BYTES = 15
/** Marks that no call is open: no stack pointer has this value, since rsp is a multiple of 8 after a return. */
const NOWHERE = 1

/** What a call from the host takes of the stack, below an address that is a multiple of 16: home space and arguments, the return address. */
export const callBytes = (argumentCount: number): number =>
  ((HOME_BYTES + Math.max(0, argumentCount - ARGUMENT_REGISTERS.length) * 8 + 15) & ~15) + 8

interface TrapRange {
  readonly base: bigint
  readonly end: bigint
  readonly handler: (slot: number) => bigint
}

class X64Cpu implements Cpu {
  readonly #decoder: Decoder
  /** Null once it is closed. */
  #plugged: Core | null
  readonly #traps: TrapRange[] = []
  /** For each call in progress: rsp after the return. */
  readonly #returnLo = new Int32Array(MAX_CALL_DEPTH)
  readonly #returnHi = new Int32Array(MAX_CALL_DEPTH)
  #depth = 0
  #onStop: ((error: unknown) => boolean) | null = null

  constructor(world: CpuWorld, decoder: Decoder, options: CpuOptions = {}) {
    this.#decoder = decoder
    this.#plugged = plugCore(world, decoder, { ...DEFAULTS, ...options }, (lo, hi) => this.#special(lo, hi))
  }

  get #core(): Core {
    if (this.#plugged === null) throw new CpuError('CPU_USE', 'the processor is closed')
    return this.#plugged
  }

  get #words(): Int32Array {
    return this.#core.state.words
  }

  get #quads(): BigUint64Array {
    return this.#core.state.quads
  }

  readGpr(register: Gpr): bigint {
    return this.#quads[register]!
  }

  writeGpr(register: Gpr, value: bigint): void {
    this.#quads[register] = value
  }

  xmm(index: number): Uint8Array {
    if (!(index >= 0 && index < 16)) {
      throw new CpuError('CPU_USE', `register xmm${index} does not exist, expected xmm0 to xmm15`)
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
  get currentRip(): Gva {
    return this.#core.currentRip
  }
  get rflags(): number {
    return this.#core.flags.read()
  }
  set rflags(value: number) {
    this.#core.flags.write(value)
  }
  get mxcsr(): number {
    return this.#words[Word.mxcsr]!
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
  get workCount(): number {
    return this.#core.meter.workCount
  }
  charge(instructions: number): void {
    const { meter } = this.#core
    meter.charge(instructions)
    if (this.#depth > 0) meter.checkWork()
  }
  decodeAt(address: Gva): DecodedInstruction | null {
    const bytes = new Uint8Array(MAX_INSTRUCTION_BYTES)
    const decoded = this.#decoder.decode(bytes.subarray(0, this.read(address, bytes)), address)
    return typeof decoded === 'string' ? null : decoded
  }
  get budget(): CpuBudget {
    return this.#core.meter.budget
  }

  call(entry: Gva, args: readonly bigint[]): bigint {
    const words = this.#words
    this.#begin(entry)
    try {
      const [ripLo, ripHi] = [words[Word.rip]!, words[Word.rip + 1]!]
      const [rspLo, rspHi] = [words[RSP_WORD]!, words[RSP_WORD + 1]!]
      this.#quads[Word.rip >> 1] = entry
      this.#core.lookAtRam()
      this.#enter(args)
      while (!this.#returned());
      words[Word.rip] = ripLo
      words[Word.rip + 1] = ripHi
      words[RSP_WORD] = rspLo
      words[RSP_WORD + 1] = rspHi
      return this.#quads[RAX]!
    } finally {
      this.#depth--
    }
  }

  /** False where code stopped and is to go on at rip. */
  #returned(): boolean {
    try {
      this.#core.run()
      return true
    } catch (error) {
      if (this.#onStop?.(error) === true) return false
      throw error
    }
  }

  run(): never {
    this.#begin(this.rip)
    this.#core.begin()
    try {
      this.#returnLo[this.#depth - 1] = NOWHERE
      this.#core.run()
    } finally {
      this.#depth--
    }
    throw new CpuError('CPU_USE', 'guest code returned without a call from the host')
  }

  #begin(rip: Gva): void {
    if (this.#depth === MAX_CALL_DEPTH) {
      throw new CpuStop({ reason: 'callDepth', rip, bytes: new Uint8Array(0) })
    }
    if (this.#depth === 0) this.#core.begin()
    this.#depth++
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
      throw new CpuError('CPU_USE', `traps at ${hex(base)} overlap others`, { base, count })
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

  onStop(handler: ((error: unknown) => boolean) | null): void {
    this.#onStop = handler
  }

  onUnmask(listener: ((instruction: string, level: number | null) => void) | null): void {
    this.#core.onUnmask = listener
  }

  close(): void {
    if (this.#depth > 0) throw new CpuError('CPU_USE', 'the processor was closed in a call of guest code')
    unplugCore(this.#core)
    this.#plugged = null
  }

  onInterval(listener: (() => void) | null): void {
    this.#core.meter.onInterval = listener
  }

  invalidate(dataPage?: Gva): void {
    if (dataPage === undefined) this.#core.flush()
    else this.#core.flushData(Number(dataPage & 0xffffffffn) | 0, Number(dataPage >> 32n) | 0)
  }

  /** As the page tables in RAM have it now. */
  get #memory(): HostMemory {
    this.#core.lookAtRam()
    return this.#core.hostMemory
  }

  /** Arguments, home space and a return address of 0, where unwinders stop, onto the stack. */
  #enter(args: readonly bigint[]): void {
    const words = this.#words
    const onStack = Math.max(0, args.length - ARGUMENT_REGISTERS.length)
    const space = callBytes(args.length)
    const top = words[RSP_WORD]! & ~15
    const lo = (top - space) | 0
    const hi = (words[RSP_WORD + 1]! - (top >>> 0 < space ? 1 : 0)) | 0
    for (let i = args.length - 1; i >= ARGUMENT_REGISTERS.length; i--) {
      const at = (lo + 8 + i * 8) | 0
      this.#core.push(at, upperHalf(lo, hi, at), lowHalf(args[i]!), highHalf(args[i]!))
    }
    this.#core.push(lo, hi, 0, 0)
    const count = args.length - onStack
    for (let i = 0; i < count; i++) this.#quads[ARGUMENT_REGISTERS[i]!] = args[i]!
    words[RSP_WORD] = lo
    words[RSP_WORD + 1] = hi
    const after = (lo + 8) | 0
    this.#returnLo[this.#depth - 1] = after
    this.#returnHi[this.#depth - 1] = upperHalf(lo, hi, after)
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
    const current = this.#depth - 1
    const isReturn =
      this.#words[RSP_WORD] === this.#returnLo[current] &&
      this.#words[RSP_WORD + 1] === this.#returnHi[current]
    if (isReturn) return Exit.returned
    const errorCode = Fault.execute | ((this.#words[Word.cs]! & 3) === 0 ? 0 : Fault.user)
    throw new Exception('pageFault', {
      address: joined(0, 0),
      access: 'execute',
      present: false,
      errorCode,
    })
  }

  #handle(handler: (slot: number) => bigint, slot: number): number {
    const words = this.#words
    const { meter, memory } = this.#core
    meter.charge(TRAP_COST)
    meter.checkWork() // a loop of short calls never renews its grant
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

/** A processor in this world; the decoder comes from `@dumpstack/cpu/node`. */
export const createCpu = (world: CpuWorld, decoder: Decoder, options?: CpuOptions): Cpu =>
  new X64Cpu(world, decoder, options)

// The processor: runs decoded blocks one after the other, lets time pass for them, calls trap handlers, ends by CpuStop.
import { type Gpa, type Gva, gpa as gpaOf, gva as gvaOf } from '@dumpstack/bytes'
import { MachineError } from '../errors.ts'
import type { Machine } from '../machine.ts'
import { Block, Blocks } from './blocks.ts'
import type { Cpu, CpuBudget, CpuOptions, DeviceAccess, Gpr } from './cpu.ts'
import type { Decoder } from './decoder.ts'
import { createDevices, createPortUnit } from './devices.ts'
import { type Environment, Exit } from './emit/compile.ts'
import { createFlags } from './flags.ts'
import { createMemory, type Memory } from './memory.ts'
import { Mmu } from './mmu.ts'
import { createMultiplyUnit } from './multiply-unit.ts'
import { createShiftUnit } from './shift-unit.ts'
import { createSimdUnit } from './simd-unit.ts'
import { createState, type State, Word } from './state.ts'
import { CpuStop, Interruption, joined } from './stop.ts'
import { createStringUnit } from './string-unit.ts'
import { createSystem } from './system.ts'

/** Instructions after which the clock is brought up to date, so that a loop that polls RAM sees devices work. */
const QUANTUM = 256
const MAX_CALL_DEPTH = 32
const DEFAULT_BUDGET: CpuBudget = { instructions: 50_000_000, stallNs: 60e9 }
const CACHE_BLOCKS = 8192
const TRAP_BYTES = 16
const ARGUMENT_REGISTERS = [1, 2, 8, 9] // rcx, rdx, r8, r9

interface TrapRange {
  readonly base: bigint
  readonly end: bigint
  readonly handler: (slot: number) => bigint
}

/** One call in progress: rsp after its return, and the registers to put back. */
interface Frame {
  readonly words: Int32Array
  returnLo: number
  returnHi: number
}

export class X64Cpu implements Cpu {
  readonly budget: CpuBudget = { ...DEFAULT_BUDGET }
  readonly #machine: Machine
  readonly #nsPerInstruction: number
  readonly #state: State = createState()
  readonly #words = this.#state.words
  readonly #flags = createFlags(this.#state)
  readonly #mmu: Mmu
  readonly #memory: Memory
  readonly #blocks: Blocks
  readonly #environment: Environment
  readonly #cache: Block[]
  readonly #noBlock = new Block(1, 1, () => Exit.next)
  readonly #frames: Frame[] = []
  #depth = 0
  readonly #traps: TrapRange[] = []
  #observer: ((access: DeviceAccess) => void) | null = null
  #current: Block
  #ramGeneration: number
  #instructionCount = 0
  /** What `remaining` was when it was last accounted for. */
  #granted = 0
  /** Time that instructions took; what else passes on the clock during a call is stall. */
  #executedNs = 0
  #stallMark = 0

  constructor(machine: Machine, decoder: Decoder, options: CpuOptions = {}) {
    this.#machine = machine
    this.#nsPerInstruction = options.nsPerInstruction ?? 1
    this.#mmu = new Mmu(machine.ram, this.#state)
    this.#ramGeneration = machine.ram.generation
    this.#current = this.#noBlock
    this.#cache = Array.from({ length: CACHE_BLOCKS }, () => this.#noBlock)
    this.#blocks = new Blocks(machine.ram, this.#mmu, decoder, {
      protect: (page) => this.#memory.protect(page),
      onWrite: (dropped) => this.#rewindIfRunning(dropped),
    })
    const devices = createDevices(machine.bus, {
      before: () => this.#settleTime(),
      isObserved: () => this.#observer !== null,
      observe: (access) => this.#observer?.({ ...access, rip: this.#currentRip() }),
    })
    this.#memory = createMemory(machine.ram, this.#mmu, this.#state, devices, this.#blocks)
    const state = this.#state
    const flags = this.#flags
    const memory = this.#memory
    const ports = createPortUnit(devices)
    this.#environment = {
      state,
      memory,
      flags,
      shifts: createShiftUnit(state, flags),
      multiply: createMultiplyUnit(state),
      simd: createSimdUnit(state),
      strings: createStringUnit(state, memory, ports),
      ports,
      system: createSystem(state, flags, {
        flushTranslations: () => this.#flush(),
        invalidatePage: (lo, hi) => this.#invalidatePage(lo, hi),
        nowNs: () => this.#settledNow(),
      }),
    }
  }

  // registers

  readGpr(register: Gpr): bigint {
    return this.#state.quads[register]!
  }

  writeGpr(register: Gpr, value: bigint): void {
    this.#state.quads[register] = value
  }

  xmm(index: number): Uint8Array {
    if (!(index >= 0 && index < 16)) {
      throw new MachineError('CPU_USE', `register xmm${index} does not exist, expected 0 to 15`)
    }
    return this.#state.bytes.subarray((Word.xmm + index * 4) * 4, (Word.xmm + index * 4 + 4) * 4)
  }

  get rip(): Gva {
    return this.#address(Word.rip)
  }
  set rip(value: Gva) {
    this.#setQuad(Word.rip, value)
  }
  get rflags(): number {
    return this.#flags.read()
  }
  set rflags(value: number) {
    this.#flags.write(value)
  }
  get cr3(): Gpa {
    return gpaOf((this.#words[Word.cr3 + 1]! >>> 0) * 2 ** 32 + (this.#words[Word.cr3]! >>> 0))
  }
  set cr3(value: Gpa) {
    this.#words[Word.cr3] = value | 0
    this.#words[Word.cr3 + 1] = Math.floor(value / 2 ** 32)
    this.#flush()
  }
  get cr8(): number {
    return this.#words[Word.cr8]!
  }
  set cr8(value: number) {
    this.#words[Word.cr8] = value
  }
  get gsBase(): Gva {
    return this.#address(Word.gsBase)
  }
  set gsBase(value: Gva) {
    this.#setQuad(Word.gsBase, value)
  }
  get fsBase(): Gva {
    return this.#address(Word.fsBase)
  }
  set fsBase(value: Gva) {
    this.#setQuad(Word.fsBase, value)
  }
  get instructionCount(): number {
    return this.#instructionCount
  }

  // calls and traps

  call(entry: Gva, args: readonly bigint[]): bigint {
    if (this.#depth === MAX_CALL_DEPTH) {
      throw new CpuStop({ reason: 'callDepth', rip: entry, bytes: new Uint8Array(0) })
    }
    const frame = this.#frame(this.#depth)
    const wasRunning = this.#current
    const returnLo = frame.returnLo
    const returnHi = frame.returnHi
    if (this.#depth === 0) this.#stallMark = this.#machine.nowNs - this.#executedNs
    frame.words.set(this.#words)
    this.#depth++
    try {
      this.#setQuad(Word.rip, entry)
      this.#current = this.#noBlock
      this.#lookAtRam()
      this.#grant()
      this.#enter(frame, args)
      this.#run()
      const answer = this.#state.quads[0]!
      this.#putBack(frame)
      return answer
    } finally {
      this.#depth--
      this.#current = wasRunning
      frame.returnLo = returnLo
      frame.returnHi = returnHi
    }
  }

  trap(base: Gva, count: number, handler: (slot: number) => bigint): void {
    const end = base + BigInt(count * TRAP_BYTES)
    if (this.#traps.some((other) => base < other.end && other.base < end)) {
      throw new MachineError('CPU_USE', `traps at 0x${base.toString(16)} overlap others`)
    }
    this.#traps.push({ base, end, handler })
    this.#flush() // decoded code at these addresses is over
  }

  argument(index: number): bigint {
    const register = ARGUMENT_REGISTERS[index]
    if (register !== undefined) return this.#state.quads[register]!
    return this.#stackQuad(8 + index * 8)
  }

  get returnAddress(): Gva {
    return gvaOf(this.#stackQuad(0))
  }

  // memory

  read(gva: Gva, into: Uint8Array): number {
    this.#lookAtRam()
    return this.#pieces(gva, into.byteLength, 'read', (gpa, start, length) => {
      const part = into.subarray(start, start + length)
      return this.#machine.ram.read(gpa, part) === length
    })
  }

  write(gva: Gva, from: Uint8Array): number {
    this.#lookAtRam()
    return this.#pieces(gva, from.byteLength, 'write', (gpa, start, length) => {
      if (!this.#machine.ram.has(gpa, length)) return false
      if (this.#blocks.has(Math.floor(gpa / 4096))) this.#blocks.written(gpa, length)
      this.#machine.ram.write(gpa, from.subarray(start, start + length))
      return true
    })
  }

  translate(gva: Gva): Gpa | null {
    const physical = this.#mmu.translate(
      Number(BigInt.asIntN(32, gva)),
      Number(BigInt.asIntN(32, gva >> 32n)),
      'read',
    )
    return physical < 0 ? null : gpaOf(physical)
  }

  onDeviceAccess(observer: ((access: DeviceAccess) => void) | null): void {
    this.#observer = observer
  }

  invalidate(): void {
    this.#flush()
  }

  // inside

  #address(word: number): Gva {
    return joined(this.#words[word]!, this.#words[word + 1]!)
  }

  #setQuad(word: number, value: bigint): void {
    this.#state.quads[word >> 1] = value
  }

  #frame(depth: number): Frame {
    this.#frames[depth] ??= { words: new Int32Array(Word.count), returnLo: 0, returnHi: 0 }
    return this.#frames[depth]
  }

  /** Arguments, home space and a return address of 0, where unwinders stop, onto the stack. */
  #enter(frame: Frame, args: readonly bigint[]): void {
    const { quads } = this.#state
    const onStack = Math.max(0, args.length - 4)
    const space = (32 + onStack * 8 + 15) & ~15
    const rsp = BigInt.asUintN(64, (quads[4]! & ~15n) - BigInt(space + 8))
    try {
      for (let i = 4; i < args.length; i++) this.#push(rsp + BigInt(8 + i * 8), args[i]!)
      this.#push(rsp, 0n)
    } catch (error) {
      this.#interrupted(error)
    }
    args.slice(0, 4).forEach((value, index) => {
      quads[ARGUMENT_REGISTERS[index]!] = value
    })
    quads[4] = rsp
    const after = rsp + 8n
    frame.returnLo = Number(BigInt.asIntN(32, after))
    frame.returnHi = Number(BigInt.asIntN(32, after >> 32n))
  }

  #push(at: bigint, value: bigint): void {
    this.#memory.store64(
      Number(BigInt.asIntN(32, at)),
      Number(BigInt.asIntN(32, at >> 32n)),
      Number(BigInt.asIntN(32, value)),
      Number(BigInt.asIntN(32, value >> 32n)),
    )
  }

  #stackQuad(offset: number): bigint {
    const at = this.#state.quads[4]! + BigInt(offset)
    const bytes = new Uint8Array(8)
    this.read(gvaOf(at), bytes)
    return new DataView(bytes.buffer).getBigUint64(0, true)
  }

  /** All registers but rax; segment bases, cr8 and other system state stay as the code left them. */
  #putBack({ words }: Frame): void {
    for (let i = 2; i < Word.system + 1; i++) this.#words[i] = words[i]!
    for (let i = Word.xmm; i < Word.scratch; i++) this.#words[i] = words[i]!
  }

  #run(): void {
    for (;;) {
      try {
        this.#loop()
        return
      } catch (error) {
        if (error instanceof Interruption && error.reason === 'rewind') this.#stepAlone()
        else this.#interrupted(error)
      }
    }
  }

  #loop(): void {
    const words = this.#words
    const cache = this.#cache
    for (;;) {
      const lo = words[Word.rip]!
      const slot = (lo ^ (lo >>> 13)) & (CACHE_BLOCKS - 1)
      let block = cache[slot]!
      if (
        block.lo !== lo ||
        block.hi !== words[Word.rip + 1]! ||
        block.generation !== this.#blocks.generation
      ) {
        this.#current = this.#noBlock
        block = this.#find(lo, words[Word.rip + 1]!)
        cache[slot] = block
      }
      this.#current = block
      const exit = block.code()
      if (exit === Exit.next) continue
      if (exit === Exit.returned) break
      this.#account(0)
      this.#checkStall()
      if (this.budget.instructions < block.count) throw new Interruption('instructionBudget')
      this.#grant(block.count)
    }
    this.#account(0)
  }

  #find(lo: number, hi: number): Block {
    const address = joined(lo, hi)
    for (const { base, end, handler } of this.#traps) {
      if (address < base || address >= end) continue
      const slot = Number((address - base) / BigInt(TRAP_BYTES))
      if ((address - base) % BigInt(TRAP_BYTES) !== 0n) break
      return this.#special(lo, hi, () => this.#enterTrap(handler, slot))
    }
    if (lo === 0 && hi === 0 && this.#isReturn()) return this.#special(lo, hi, () => this.#leave())
    return this.#blocks.at(this.#environment, lo, hi)
  }

  #special(lo: number, hi: number, code: () => number): Block {
    const block = new Block(lo, hi, code)
    block.generation = this.#blocks.generation
    return block
  }

  #isReturn(): boolean {
    const frame = this.#frames[this.#depth - 1]!
    return this.#words[8] === frame.returnLo && this.#words[9] === frame.returnHi
  }

  #leave(): number {
    if (this.#isReturn()) return Exit.returned
    throw new Interruption('pageFault', { address: joined(0, 0), access: 'execute', present: false })
  }

  #enterTrap(handler: (slot: number) => bigint, slot: number): number {
    const words = this.#words
    this.#account(0)
    this.#checkStall()
    const answer = handler(slot)
    this.#lookAtRam()
    this.#state.quads[0] = answer
    words[Word.rip] = this.#memory.load64(words[8]!, words[9]!)
    words[Word.rip + 1] = words[Word.high]!
    const rsp = (words[8]! + 8) | 0
    if (rsp >>> 0 < 8) words[9]!++
    words[8] = rsp
    this.#checkStall()
    this.#grant()
    return Exit.next
  }

  /** Counts what ran since the last time; `notRun` instructions of the running block are charged but still to come. */
  #account(notRun: number): void {
    const left = this.#words[Word.remaining]! + notRun
    const done = this.#granted - left
    this.#granted = left
    if (done === 0) return
    this.#instructionCount += done
    this.budget.instructions -= done
    const ns = done * this.#nsPerInstruction
    this.#executedNs += ns
    this.#machine.elapse(ns)
  }

  #grant(least = 0): void {
    const grant = Math.max(0, Math.min(Math.max(QUANTUM, least), this.budget.instructions))
    this.#words[Word.remaining] = grant
    this.#granted = grant
  }

  /** In the middle of a block: the instructions before this one have taken their time. */
  #settleTime(): void {
    this.#account(this.#notRun())
    this.#checkStall()
  }

  #settledNow(): number {
    this.#settleTime()
    return this.#machine.nowNs
  }

  #notRun(): number {
    return this.#current.count === 0 ? 0 : this.#current.count - this.#words[Word.current]!
  }

  #checkStall(): void {
    const mark = this.#machine.nowNs - this.#executedNs
    this.budget.stallNs -= mark - this.#stallMark
    this.#stallMark = mark
    if (this.budget.stallNs < 0) throw new Interruption('stallBudget')
  }

  #currentRip(): Gva {
    const { lo, hi, count, offsets } = this.#current
    return gvaOf(joined(lo, hi) + BigInt(count === 0 ? 0 : offsets[this.#words[Word.current]!]!))
  }

  /** Registers as before the instruction that stopped, then the reason as an error; other errors pass. */
  #interrupted(error: unknown): never {
    if (!(error instanceof Interruption)) throw error
    this.#settleRip(error)
    const bytes = this.#blocks.fetched(this.#blocks.fetch(this.#words[Word.rip]!, this.#words[Word.rip + 1]!))
    const { reason, address, access, present, form } = error
    throw new CpuStop({
      reason: reason === 'rewind' ? 'notImplemented' : reason, // rewinds never come here
      rip: this.rip,
      bytes,
      ...(address === null ? {} : { address }),
      ...(access === null ? {} : { access }),
      ...(reason === 'pageFault' ? { present } : {}),
      ...(form === null ? {} : { form }),
    })
  }

  #settleRip(error: Interruption): void {
    // a block that has not begun, or has none of its instructions begun, stops with rip where it is
    if (error.reason !== 'instructionBudget' && this.#current.count > 0) {
      this.#account(this.#notRun())
      this.#setQuad(Word.rip, this.#currentRip())
    } else this.#account(0)
    this.#current = this.#noBlock
  }

  /** The instruction that changes its own block runs in a block of its own. */
  #stepAlone(): void {
    this.#account(this.#notRun())
    this.#setQuad(Word.rip, this.#currentRip())
    this.#current = this.#noBlock
    try {
      const words = this.#words
      const block = this.#blocks.decode(this.#environment, words[Word.rip]!, words[Word.rip + 1]!, 1)
      if (this.budget.instructions < 1) throw new Interruption('instructionBudget')
      this.#grant()
      this.#current = block
      block.code()
    } catch (error) {
      this.#interrupted(error)
    }
  }

  #rewindIfRunning(dropped: Block): void {
    if (dropped !== this.#current) return
    if (this.#words[Word.current]! < dropped.count - 1) throw new Interruption('rewind')
  }

  /** A checkpoint or reset ended the views; decoded code is compared with RAM again. */
  #lookAtRam(): void {
    if (this.#machine.ram.generation === this.#ramGeneration) return
    this.#ramGeneration = this.#machine.ram.generation
    this.#flush()
  }

  #invalidatePage(lo: number, hi: number): void {
    this.#mmu.flushPage(lo, hi)
    this.#memory.flushPage(lo, hi)
    this.#blocks.generation++
  }

  #flush(): void {
    this.#mmu.flush()
    this.#memory.flush()
    this.#blocks.generation++
  }

  #pieces(
    gva: Gva,
    byteLength: number,
    access: 'read' | 'write',
    piece: (gpa: Gpa, start: number, length: number) => boolean,
  ): number {
    let done = 0
    while (done < byteLength) {
      const at = gva + BigInt(done)
      const lo = Number(BigInt.asIntN(32, at))
      const physical = this.#mmu.translate(lo, Number(BigInt.asIntN(32, at >> 32n)), access)
      const length = Math.min(byteLength - done, 4096 - (lo & 4095))
      if (physical < 0 || !piece(gpaOf(physical), done, length)) break
      done += length
    }
    return done
  }
}

/** A processor of the machine; the decoder comes from `@dumpstack/machine/node`. */
export const createCpu = (machine: Machine, decoder: Decoder, options?: CpuOptions): Cpu =>
  new X64Cpu(machine, decoder, options)

// One debugging session on a target: its memory, modules and processors, the registers that commands work on, the symbol path.
import { type Gva, gva } from '@dumpstack/bytes'
import type { KddebuggerData64 } from '@dumpstack/nt'
import type { SymbolFile, SymbolType } from '@dumpstack/symbols'
import type { DebugTarget, Processor, TargetModules, TargetSystem } from './debug-target.ts'
import type { Disassembler } from './disassembler.ts'
import { DebuggerError } from './errors.ts'
import { TargetMemory } from './memory.ts'
import { type DebugModule, ModuleList, noSymbols, symbolize } from './modules.ts'
import { requireX64 } from './processors.ts'
import type { RegisterFile, Registers } from './registers.ts'
import type { SymbolSource } from './symbol-source.ts'
import type { StackFrame } from './unwind/stack-frame.ts'
import { readUserModules } from './user-modules.ts'

export interface SessionOptions {
  readonly target: DebugTarget
  readonly symbols: SymbolSource
  /** Null where no disassembler is at hand: `u` says so. */
  readonly disassembler: Disassembler | null
  /** Lets the host take its turn: without it no Ctrl-C arrives while a command runs. */
  nextTurn(): Promise<void>
}

/** How far a long command has come. */
export interface Progress {
  /** `modules` */
  readonly what: string
  done: number
  /** Null where nothing tells how many there are. */
  readonly total: number | null
}

/** A frame of the current stack. */
export interface Scope {
  /** As kn numbers them. */
  readonly number: number
  readonly frame: StackFrame
}

/** Steps of a long command between two turns of the host. */
const STEPS_PER_TURN = 64

export class Session {
  readonly target: DebugTarget
  readonly memory: TargetMemory
  readonly modules: ModuleList
  readonly unloaded: TargetModules['unloaded']
  /** What is wrong with the module list; the session goes on with the modules before it. */
  readonly modulesDamage: string | null
  readonly symbolSource: SymbolSource
  readonly disassembler: Disassembler | null
  #signal: AbortSignal = new AbortController().signal
  #progress: Progress | null = null
  readonly #nextTurn: () => Promise<void>
  #steps = 0
  #processor: number
  #registers: RegisterFile | null = null
  #isDefaultContext = true
  #scope: Scope | null = null

  constructor(options: SessionOptions) {
    this.target = options.target
    this.symbolSource = options.symbols
    this.disassembler = options.disassembler
    this.#nextTurn = options.nextTurn
    this.memory = new TargetMemory(this.target.virtual())
    const { loaded, unloaded, damage } = this.target.modules()
    this.modulesDamage = damage
    this.unloaded = unloaded
    this.modules = new ModuleList(loaded, this.memory.space, (file) => this.#isKernelsFile(file))
    this.#processor = this.crashProcessor
  }

  get system(): TargetSystem {
    return this.target.system
  }
  get kdbg(): KddebuggerData64 | null {
    return this.target.kdbg
  }
  get processors(): readonly Processor[] {
    return this.target.processors
  }
  /** The processor that crashed or stopped. */
  get crashProcessor(): number {
    return this.target.currentProcessor
  }

  get processorNumber(): number {
    return this.#processor
  }
  get processor(): Processor | undefined {
    return this.processors.find(({ number }) => number === this.#processor)
  }
  get currentThread(): Gva | null {
    const ofCrash = this.#processor === this.crashProcessor ? this.target.current.thread : null
    return this.processor?.currentThread ?? ofCrash ?? null
  }

  /** The registers that commands work on: the current processor's, unless .cxr or .ecxr has moved. */
  get registerFile(): RegisterFile {
    this.#registers ??= this.processorRegisters
    return this.#registers
  }
  /** Those of the current processor, wherever .cxr and .ecxr have moved. Throws DebuggerError CONTEXT_ABSENT. */
  get processorRegisters(): RegisterFile {
    return this.target.registers(this.#processor)
  }
  /** The same, for what is done on x64 only: stacks and code. Throws DebuggerError MACHINE_UNSUPPORTED. */
  get registers(): Registers {
    requireX64(this)
    return this.registerFile as Registers // those of x64, as required
  }
  /** False after .cxr and .ecxr. */
  get isDefaultContext(): boolean {
    return this.#isDefaultContext
  }

  selectProcessor(number: number): void {
    if (!this.processors.some((processor) => processor.number === number)) {
      throw new DebuggerError('PROCESSOR_UNKNOWN', `the dump holds no processor ${number}`, { number })
    }
    this.#processor = number
    this.resetContext()
  }
  /** Does something on another processor; then the current one and its context are as before. */
  async onProcessor(number: number, work: () => Promise<void>): Promise<void> {
    const before = [this.#processor, this.#registers, this.#isDefaultContext, this.#scope] as const
    try {
      this.selectProcessor(number)
      await work()
    } finally {
      ;[this.#processor, this.#registers, this.#isDefaultContext, this.#scope] = before
    }
  }
  /** The frame whose locals are shown, where .frame chose one; the innermost one otherwise. It goes with the context. */
  get scope(): Scope | null {
    return this.#scope
  }
  setScope(scope: Scope): void {
    this.#scope = scope
  }
  /** Back to the processor's own registers. */
  resetContext(): void {
    this.#scope = null
    this.#registers = null
    this.#isDefaultContext = true
  }
  setContext(registers: RegisterFile): void {
    this.#scope = null
    this.#registers = registers
    this.#isDefaultContext = false
  }
  /** Begins a command: what it looks for and works through ends when `signal` is aborted, as by Ctrl-C. */
  begin(signal: AbortSignal): void {
    this.#signal = signal
    this.#progress = null
  }
  get signal(): AbortSignal {
    return this.#signal
  }
  get progress(): Readonly<Progress> | null {
    return this.#progress
  }
  /** Lets the host take its turn now and then, and ends at Ctrl-C. */
  async step(): Promise<void> {
    await this.stepNow()
    this.#signal.throwIfAborted()
  }
  /** The same for millions of steps: null, and nothing to wait for, unless it is the host's turn. */
  stepNow(): Promise<void> | null {
    this.#signal.throwIfAborted()
    return ++this.#steps % STEPS_PER_TURN === 0 ? this.#nextTurn() : null
  }
  /** What a long command works through, a step for each; of lists in lists the outer one is the command's progress. */
  async *each<T>(what: string, items: Iterable<T>, total: number | null = null): AsyncGenerator<T> {
    const progress: Progress = { what, done: 0, total }
    const isOutermost = this.#progress === null
    if (isOutermost) this.#progress = progress
    for (const item of items) {
      await this.step()
      yield item
      progress.done++
    }
    if (isOutermost) this.#progress = null
  }

  /** Reads the user-mode modules of the process that crashed, again if they were read before. */
  loadUserModules(): void {
    this.modules.setUserModules(readUserModules(this), this.memory.space)
  }

  /** Makes sure that names of the module at `address` are at hand. */
  async loadSymbolsAt(address: bigint): Promise<void> {
    await this.modules.at(address)?.loadSymbols(this.symbolSource, this.signal)
  }
  loadSymbols(module: DebugModule): Promise<void> {
    return module.loadSymbols(this.symbolSource, this.signal)
  }
  async symbolize(address: bigint): Promise<string> {
    await this.loadSymbolsAt(address)
    return symbolize(this.modules, address)
  }

  get kernel(): DebugModule {
    const nt = this.modules.all[0]
    if (nt === undefined)
      throw new DebuggerError('MODULE_UNKNOWN', 'the dump names no kernel: its module list is empty')
    return nt
  }

  /** The kernel's symbols with types; throws DebuggerError naming what is missing. */
  async kernelType(name: string): Promise<{ readonly file: SymbolFile; readonly type: SymbolType }> {
    await this.loadSymbols(this.kernel)
    const file = this.kernel.symbols
    const type = file?.typeByName(name) ?? null
    if (file === null || type === null) {
      throw new DebuggerError(
        'TYPE_UNKNOWN',
        `type nt!${name} is not known: ${file === null ? noSymbols(this.kernel) : `${file.origin} does not hold it${unreadTypes(file)}`}`,
        { name },
      )
    }
    return { file, type }
  }

  /**
   * Minidumps do not hold the kernel's CodeView record, but its debugger data holds the addresses of kernel variables:
   * a symbol file that puts each of them where the dump has it belongs to this kernel.
   */
  #isKernelsFile(file: SymbolFile): boolean {
    const { kdbg } = this
    if (kdbg === null) return false
    const rows = [
      ['PsLoadedModuleList', kdbg.psLoadedModuleList],
      ['PsActiveProcessHead', kdbg.psActiveProcessHead],
      ['KiProcessorBlock', kdbg.kiProcessorBlock],
      ['MmUnloadedDrivers', kdbg.mmUnloadedDrivers],
      ['PspCidTable', kdbg.pspCidTable],
      ['KiBugCheckData', kdbg.kiBugcheckData],
      ['KdDebuggerDataBlock', this.system.kdDebuggerDataBlock],
      ['PoolTrackTable', kdbg.poolTrackTable],
    ] as const
    return rows.every(([name, address]) => {
      const symbol = file.byName(name)
      return symbol !== null && gva(this.kernel.base + BigInt(symbol.rva)) === address
    })
  }
}

/** A type may be missing because its record is of a kind that is not read: `; it has 3 types of kind 0x160f, ...`. */
export function unreadTypes(file: SymbolFile): string {
  const missing = file.missingTypes()
  return missing === null ? '' : `; it has ${missing}`
}

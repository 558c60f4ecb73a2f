// One debugging session on a dump: memory, modules, processors, the registers that commands work on, the symbol path.
import { type ByteSource, type Gva, gva } from '@dumpstack/bytes'
import { type Dump, type Modules, openDump, readKdbg, readModulesAsFarAsPossible } from '@dumpstack/dumpfile'
import type { KddebuggerData64 } from '@dumpstack/nt'
import type { SymbolFile, SymbolType } from '@dumpstack/symbols'
import type { Disassembler } from './disassembler.ts'
import { DebuggerError } from './errors.ts'
import { TargetMemory } from './memory.ts'
import { type DebugModule, ModuleList, symbolize } from './modules.ts'
import {
  crashProcessor,
  type Processor,
  processorRegisters,
  readProcessors,
  requireX64,
} from './processors.ts'
import type { RegisterFile, Registers } from './registers.ts'
import type { SymbolSource } from './symbol-source.ts'
import { readUserModules } from './user-modules.ts'

export interface SessionOptions {
  readonly source: ByteSource
  /** As the user named it, for the banner. */
  readonly fileName: string
  readonly symbols: SymbolSource
  /** Null where no disassembler is at hand: `u` says so. */
  readonly disassembler: Disassembler | null
  /** Lets the host take its turn: without it no Ctrl-C arrives while a command runs. */
  nextTurn(): Promise<void>
}

/** Steps of a long command between two turns of the host. */
const STEPS_PER_TURN = 64

export class Session {
  readonly fileName: string
  readonly dump: Dump
  readonly memory: TargetMemory
  readonly modules: ModuleList
  readonly unloaded: Modules['unloaded']
  /** What is wrong with the module list; the session goes on with the modules before it. */
  readonly modulesDamage: string | null
  /** Parts of a minidump that lie; the session goes on without them. */
  readonly poolDamage: readonly string[]
  readonly kdbg: KddebuggerData64 | null
  readonly processors: readonly Processor[]
  readonly crashProcessor: number
  readonly symbolSource: SymbolSource
  readonly disassembler: Disassembler | null
  /** Set for each command; aborted by Ctrl-C. */
  signal: AbortSignal = new AbortController().signal
  readonly #nextTurn: () => Promise<void>
  #steps = 0
  #processor: number
  #registers: RegisterFile | null = null
  #isDefaultContext = true

  /** Throws DumpError for what is no readable dump. */
  constructor(options: SessionOptions) {
    this.fileName = options.fileName
    this.symbolSource = options.symbols
    this.disassembler = options.disassembler
    this.#nextTurn = options.nextTurn
    this.dump = openDump(options.source)
    this.memory = new TargetMemory(this.dump.virtual())
    const { modules, damage } = readModulesAsFarAsPossible(this.dump)
    this.modulesDamage = damage?.message ?? null
    this.poolDamage = this.dump.triage?.damage.map(({ message }) => message) ?? []
    this.unloaded = modules.unloaded
    this.kdbg = readKdbg(this.dump.header.kdDebuggerDataBlock, this.memory.space)
    this.modules = new ModuleList(modules.loaded, this.memory.space, (file) => this.#isKernelsFile(file))
    this.processors = readProcessors(this.dump, this.memory, this.kdbg)
    this.crashProcessor = crashProcessor(this.dump, this.memory, this.kdbg, this.processors)
    this.#processor = this.crashProcessor
  }

  get processorNumber(): number {
    return this.#processor
  }
  get processor(): Processor | undefined {
    return this.processors.find(({ number }) => number === this.#processor)
  }
  get currentThread(): Gva | null {
    const ofCrash = this.#processor === this.crashProcessor ? this.dump.triage?.thread?.address : null
    return this.processor?.currentThread ?? ofCrash ?? null
  }

  /** The registers that commands work on: the current processor's, unless .cxr or .ecxr has moved. */
  get registerFile(): RegisterFile {
    this.#registers ??= this.processorRegisters
    return this.#registers
  }
  /** Those of the current processor, wherever .cxr and .ecxr have moved. Throws DebuggerError CONTEXT_ABSENT. */
  get processorRegisters(): RegisterFile {
    const isCrash = this.#processor === this.crashProcessor
    return processorRegisters(this.dump, this.memory, this.processor, isCrash)
  }
  /** The same, for what is done on x64 only: stacks and code. Throws DebuggerError MACHINE_UNSUPPORTED. */
  get registers(): Registers {
    requireX64(this.dump)
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
    const before = [this.#processor, this.#registers, this.#isDefaultContext] as const
    try {
      this.selectProcessor(number)
      await work()
    } finally {
      ;[this.#processor, this.#registers, this.#isDefaultContext] = before
    }
  }
  /** Back to the processor's own registers. */
  resetContext(): void {
    this.#registers = null
    this.#isDefaultContext = true
  }
  setContext(registers: RegisterFile): void {
    this.#registers = registers
    this.#isDefaultContext = false
  }
  /** Called by long commands for each step: lets the host take its turn now and then, and ends at Ctrl-C. */
  async step(): Promise<void> {
    if (++this.#steps % STEPS_PER_TURN === 0) await this.#nextTurn()
    this.signal.throwIfAborted()
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
      ['KdDebuggerDataBlock', this.dump.header.kdDebuggerDataBlock],
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

/** Why a module has no symbols, in a few words. */
export function noSymbols(module: DebugModule): string {
  const reason = module.why.length === 0 ? 'none were found' : module.why.join('; ')
  return `no symbols for ${module.imageName} (${reason})`
}

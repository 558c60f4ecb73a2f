// The run loop: decoded blocks one after the other, until the call is over or something stops it. Puts the parts of the
// processor together. One that is over leaves its parts to the next: code that was made for them need not be made again.
import { type Gva, gva as gvaOf } from '@dumpstack/bytes'
import { BlockSources } from './block-sources.ts'
import { Block, Blocks } from './blocks.ts'
import type { CpuOptions, DeviceAccess } from './cpu.ts'
import type { Decoder } from './decoder.ts'
import { DeviceAccesses, PortUnit } from './devices.ts'
import { type Bindings, type BlockCode, bindingsOf, Exit } from './emit/compile.ts'
import { Flags } from './flags.ts'
import { FloatUnit } from './float-unit.ts'
import { HostMemory } from './host-memory.ts'
import { Memory } from './memory.ts'
import { Meter } from './meter.ts'
import { Mmu } from './mmu.ts'
import { MultiplyUnit } from './multiply-unit.ts'
import { Privileged } from './privileged.ts'
import { ShiftUnit } from './shift-unit.ts'
import { createSimdUnit } from './simd-unit.ts'
import { Socket } from './socket.ts'
import { createSse4Unit } from './sse4-unit.ts'
import { createState, type State, Word } from './state.ts'
import { CpuStop, Exception, joined } from './stop.ts'
import { StringCompareUnit } from './string-compare-unit.ts'
import { StringUnit } from './string-unit.ts'
import { System } from './system.ts'
import { Tlb } from './tlb.ts'
import type { CpuWorld } from './world.ts'

/** Blocks found by their address without a look into the map; a power of two. */
const CACHE_BLOCKS = 8192
/** In instructions: what these take of the host. */
const DEVICE_ACCESS_COST = 8
const FLUSH_COST = 200

/** The running instruction changes its own block and must run again, alone. */
const isRewind = (error: unknown): boolean => error instanceof Exception && error.reason === 'rewind'

/** What runs at an address instead of guest code, or null. */
export type FindSpecial = (lo: number, hi: number) => BlockCode | null

/** Closed processors that are kept: a driven system has two. */
const MAX_SPARES = 2
const spares: Core[] = []

/** A core in this world, with registers as after a reset. */
export function plugCore(
  world: CpuWorld,
  decoder: Decoder,
  options: Required<CpuOptions>,
  findSpecial: FindSpecial,
): Core {
  const index = spares.findLastIndex((core) => core.isMadeFor(decoder, options))
  const core = index < 0 ? new Core(decoder, options) : spares.splice(index, 1)[0]!
  core.plug(world, findSpecial)
  return core
}

/** Leaves it to the next that is asked for. */
export function unplugCore(core: Core): void {
  core.unplug()
  spares.push(core)
  if (spares.length > MAX_SPARES) spares.shift()
}

export class Core {
  readonly state: State = createState()
  readonly flags: Flags = new Flags(this.state)
  readonly memory: Memory
  readonly hostMemory: HostMemory
  /** The meter of its world. */
  meter!: Meter
  observer: ((access: DeviceAccess) => void) | null = null
  onUnmask: ((instruction: string, level: number | null) => void) | null = null
  readonly #socket = new Socket()
  readonly #decoder: Decoder
  readonly #options: Required<CpuOptions>
  readonly #words = this.state.words
  readonly #mmu: Mmu
  readonly #tlb: Tlb
  readonly #sources: BlockSources
  readonly #blocks: Blocks
  readonly #system: System
  readonly #bindings: Bindings
  #findSpecial: FindSpecial = () => null
  readonly #noBlock = new Block(1, 1, () => Exit.next)
  readonly #cache: Block[] = Array.from({ length: CACHE_BLOCKS }, () => this.#noBlock)
  #current = this.#noBlock
  #ramGeneration = -1

  constructor(decoder: Decoder, options: Required<CpuOptions>) {
    this.#decoder = decoder
    this.#options = options
    const { state, flags } = this
    const world = this.#socket
    const charge = (instructions: number): void => this.meter.charge(instructions)
    this.#mmu = new Mmu(world, state, charge)
    this.#sources = new BlockSources(world, this.#mmu, decoder, charge)
    this.#blocks = new Blocks(world, this.#mmu, this.#sources, options.hotRuns, {
      charge,
      protect: (page) => this.#tlb.protect(page),
      onWrite: (dropped) => this.#rewindIfRunning(dropped),
    })
    const devices = new DeviceAccesses(world, {
      before: () => {
        charge(DEVICE_ACCESS_COST)
        this.#settleTime()
      },
      isObserved: () => this.observer !== null,
      rip: () => this.currentRip,
      observe: (access) => this.observer?.(access),
    })
    this.#tlb = new Tlb(world, this.#mmu, this.#blocks)
    const memory = new Memory(this.#tlb, state, devices)
    this.memory = memory
    this.hostMemory = new HostMemory(world, this.#mmu, this.#blocks)
    const ports = new PortUnit(devices)
    this.#system = new System(state, flags, {
      flushTranslations: () => {
        charge(FLUSH_COST)
        this.flush()
      },
      invalidatePage: (lo, hi) => this.#invalidatePage(lo, hi),
      nowNs: () => {
        this.#settleTime()
        return world.nowNs
      },
      unmasks: (instruction, level) => {
        if (this.onUnmask === null) return
        this.state.quads[Word.rip >> 1] = this.currentRip
        this.onUnmask(instruction, level)
      },
    })
    this.#bindings = bindingsOf({
      state,
      memory,
      tlb: this.#tlb,
      flags,
      shifts: new ShiftUnit(state, flags),
      multiply: new MultiplyUnit(state, charge),
      privileged: new Privileged(state, flags, memory, {
        enterUserMode: () => this.#enterUserMode(),
        charge,
      }),
      simd: createSimdUnit(state),
      sse4: createSse4Unit(state),
      strings: new StringUnit(state, memory, ports),
      ports,
      system: this.#system,
      floats: new FloatUnit(state, this.#system),
      stringCompare: new StringCompareUnit(state, this.#system),
    })
  }

  isMadeFor(decoder: Decoder, { nsPerInstruction, hotRuns }: Required<CpuOptions>): boolean {
    const own = this.#options
    return decoder === this.#decoder && nsPerInstruction === own.nsPerInstruction && hotRuns === own.hotRuns
  }

  plug(world: CpuWorld, findSpecial: FindSpecial): void {
    this.#socket.plug(world)
    this.#findSpecial = findSpecial
    this.state.words.set(createState().words)
    this.#system.seed = world.seed
    this.meter = new Meter(this.#socket, this.state, this.#options.nsPerInstruction)
    this.#ramGeneration = world.ram.generation
    this.flush()
  }

  /** Keeps nothing of the world but code, which is decoded anew in any other. */
  unplug(): void {
    this.flush()
    this.#blocks.forget()
    this.#socket.plug(null)
    this.#findSpecial = () => null
    this.observer = null
    this.onUnmask = null
    this.#current = this.#noBlock
    this.#cache.fill(this.#noBlock)
  }

  /** Before an outermost call. */
  begin(): void {
    this.meter.begin()
  }

  /** Runs from rip until a block says that the call is over. */
  run(): void {
    const outer = this.#current
    this.#current = this.#noBlock
    try {
      this.lookAtRam()
      this.meter.grant()
      for (;;) {
        try {
          this.#loop()
          return
        } catch (error) {
          if (!isRewind(error)) this.#interrupted(error)
        }
        this.#stepAlone()
      }
    } finally {
      this.#current = outer
    }
  }

  /** A store from outside of the run loop, which stops as one of the instruction at rip does. */
  push(lo: number, hi: number, value: number, high: number): void {
    try {
      this.memory.store64(lo, hi, value, high)
    } catch (error) {
      this.#interrupted(error)
    }
  }

  /** A checkpoint or reset ended the views; decoded code is compared with RAM again. */
  lookAtRam(): void {
    if (this.#socket.ram.generation === this.#ramGeneration) return
    this.#ramGeneration = this.#socket.ram.generation
    this.flush()
  }

  flush(): void {
    this.#mmu.flush()
    this.#tlb.flush()
    this.#blocks.generation++
  }

  /** Flushes a page without code: decoded blocks stay found. */
  flushData(lo: number, hi: number): void {
    this.#mmu.flushPage(lo, hi)
    this.#tlb.flushPage(lo, hi)
  }

  #loop(): void {
    const words = this.#words
    const cache = this.#cache
    const blocks = this.#blocks
    for (;;) {
      const lo = words[Word.rip]!
      const slot = (lo ^ (lo >>> 13)) & (CACHE_BLOCKS - 1)
      let block = cache[slot]!
      if (block.lo !== lo || block.hi !== words[Word.rip + 1]! || block.generation !== blocks.generation) {
        this.#current = this.#noBlock
        block = this.#find(lo, words[Word.rip + 1]!)
        cache[slot] = block
      }
      if (--block.runsLeft === 0) {
        this.#current = this.#noBlock
        block = this.#blocks.heat(this.#bindings, block)
        cache[slot] = block
      }
      this.#current = block
      const exit = block.code()
      if (exit === Exit.next) continue
      if (exit === Exit.returned) break
      this.meter.renew(block.count)
    }
    this.meter.account(0)
  }

  #find(lo: number, hi: number): Block {
    const special = this.#findSpecial(lo, hi)
    if (special === null) return this.#blocks.at(this.#bindings, lo, hi)
    const block = new Block(lo, hi, special)
    block.generation = this.#blocks.generation
    return block
  }

  /** In the middle of a block: the instructions before this one have taken their time. */
  #settleTime(): void {
    this.meter.account(this.#notRun())
    this.meter.checkStall()
  }

  #notRun(): number {
    return this.#current.count === 0 ? 0 : this.#current.count - this.#words[Word.current]!
  }

  /** The address of the instruction that runs, also in the middle of a block. */
  get currentRip(): Gva {
    const { lo, hi, count, offsets } = this.#current
    return gvaOf(joined(lo, hi) + BigInt(count === 0 ? 0 : offsets[this.#words[Word.current]!]!))
  }

  /** Rip and the count as they are before the instruction that stopped. */
  #settleRip(): void {
    this.#words[Word.remaining]! += this.#notRun()
    this.meter.account(0)
    this.state.quads[Word.rip >> 1] = this.currentRip
    this.#current = this.#noBlock
  }

  /** The reason as an error, with rip and registers as before the instruction; errors of the host pass. */
  #interrupted(error: unknown): never {
    if (!(error instanceof Exception)) throw error
    // outside a block, and where a block was not begun for want of budget, rip is where it must be
    const hasBegun = this.#current.count > 0 && error.reason !== 'instructionBudget'
    if (hasBegun) this.#settleRip()
    else this.meter.account(0)
    this.#current = this.#noBlock
    const words = this.#words
    throw new CpuStop({
      ...error.facts,
      rip: joined(words[Word.rip]!, words[Word.rip + 1]!),
      bytes: this.#sources.bytesAt(words[Word.rip]!, words[Word.rip + 1]!),
    })
  }

  /** The instruction that changes its own block runs in a block that is not kept. */
  #stepAlone(): void {
    this.#settleRip()
    const words = this.#words
    const block = this.#blocks.decode(this.#bindings, words[Word.rip]!, words[Word.rip + 1]!, 1)
    try {
      this.meter.renew(1)
      this.#current = block
      block.code()
    } catch (error) {
      this.#interrupted(error)
    }
  }

  #rewindIfRunning(dropped: Block): void {
    if (dropped !== this.#current) return
    if (this.#words[Word.current]! < dropped.count - 1) throw new Exception('rewind')
  }

  /** The TLB holds what ring 0 may access; code is asked for again. */
  #enterUserMode(): void {
    this.#tlb.flush()
    this.#blocks.generation++
  }

  #invalidatePage(lo: number, hi: number): void {
    this.#mmu.flushPage(lo, hi)
    this.#tlb.flushPage(lo, hi)
    this.#blocks.generation++
  }
}

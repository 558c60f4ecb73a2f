// The kernel's own code on the machine's processor. The machine has one core; it plays every processor of the system, one at
// a time, and each keeps the registers that it stopped with: at the halt of the idle loop, where nothing is left to do.
import { type Gva, gva } from '@dumpstack/bytes'
import { type Cpu, type CpuState, CpuStop, Gpr } from '@dumpstack/cpu'
import { type KernelLayouts, MachineFrame } from '@dumpstack/nt'
import { KernelError } from '../errors.ts'
import type { AddressSpace } from './address-space.ts'
import type { KernelGlobals } from './kernel-globals.ts'
import { allocateKernelStack } from './kernel-stack.ts'
import type { KernelMemoryManager } from './memory-manager.ts'
import type { Processor } from './processors.ts'
import type { KernelThread } from './threads-and-processes.ts'

const KERNEL_CS = 0x10
const KERNEL_SS = 0x18
/** Bit 1 is always set; bit 9 lets interrupts in. */
const EFLAGS_INTERRUPTS_OFF = 0x2
const INTERRUPT_FLAG = 0x200
/** Above anything that this kernel does between two halts. */
const MAX_RUN = 1_000_000
/** The instructions of one turn of a processor that has frozen itself and spins. */
const FREEZE_RUN = 20_000
const IPI_FROZEN = 2
const HLT_BYTES = 1n

export interface GuestCodeOptions {
  readonly cpu: Cpu
  readonly memory: KernelMemoryManager
  readonly globals: KernelGlobals
}

export class GuestCode {
  readonly cpu: Cpu
  readonly #space: AddressSpace
  readonly #globals: KernelGlobals
  readonly #layouts: KernelLayouts
  /** Where calls from outside run: no thread of the system owns it. */
  readonly #stackBase: Gva
  /** By processor number: its registers at the halt. */
  readonly #halted: CpuState[] = []

  constructor({ cpu, memory, globals }: GuestCodeOptions) {
    this.cpu = cpu
    this.#space = memory.space
    this.#globals = globals
    this.#layouts = memory.profile.layouts
    this.#stackBase = allocateKernelStack(memory.space, memory.regions.systemPtes).base
    cpu.cr3 = memory.tables.directoryTableBase
  }

  /** A kernel routine by its exported name, as processor 0 on a stack of its own; answers rax. */
  call(name: string, ...args: readonly bigint[]): bigint {
    return this.enter(this.#globals.address(name), ...args)
  }

  enter(entry: Gva, ...args: readonly bigint[]): bigint {
    const { cpu } = this
    cpu.restoreState(this.#halted[0]!)
    cpu.writeGpr(Gpr.rsp, this.#stackBase)
    cpu.budget.instructions = MAX_RUN
    return this.#guarded(() => cpu.call(entry, args))
  }

  /** The first instructions of a processor: from KiSystemStartup to its first halt. */
  start(processor: Processor, loaderBlock: Gva): void {
    const { cpu } = this
    cpu.rflags = EFLAGS_INTERRUPTS_OFF
    // The loader's call: home space above no return address.
    cpu.writeGpr(Gpr.rsp, processor.idleThread.stack.base - 0x28n)
    cpu.writeGpr(Gpr.rcx, loaderBlock)
    cpu.rip = this.#globals.address('KiSystemStartup')
    this.#runToHalt(processor)
  }

  /** The processor leaves its halt, runs the thread, and halts again when the thread waits. */
  runThread(processor: Processor, thread: KernelThread): void {
    this.#wake(processor, thread)
    this.#runToHalt(processor)
  }

  /** As `runThread` for a thread that never waits again: ends with what `reached` or the processor raises. */
  runLastThread(processor: Processor, thread: KernelThread): never {
    this.#wake(processor, thread)
    this.cpu.budget.instructions = MAX_RUN
    processor.currentThread = thread
    return this.#guarded(() => this.cpu.run())
  }

  /**
   * An interrupt finds another processor at its halt, while this one goes on afterwards: the processor pushes its machine
   * frame (Intel SDM volume 3A, 6.14) and runs until it has frozen itself.
   */
  freeze(processor: Processor): void {
    const { cpu } = this
    const mine = cpu.saveState()
    const { instructions } = cpu.budget
    cpu.restoreState(this.#halted[processor.number]!)
    const rsp = cpu.readGpr(Gpr.rsp)
    const frame = new Uint8Array(MachineFrame.size)
    const view = MachineFrame.of(frame)
    view.rip = cpu.rip
    view.segCs = KERNEL_CS
    view.eFlags = cpu.rflags
    view.rsp = rsp
    view.segSs = KERNEL_SS
    const at = gva((rsp & ~0xfn) - BigInt(MachineFrame.size))
    this.#space.write(at, frame)
    cpu.writeGpr(Gpr.rsp, at)
    cpu.rflags &= ~INTERRUPT_FLAG
    cpu.rip = this.#globals.address('KiIpiInterrupt')
    cpu.budget.instructions = FREEZE_RUN
    this.#runUntil('instructionBudget')
    const state = this.#space.u32(gva(processor.kprcb + BigInt(this.#layouts.Kprcb.fields.ipiFrozen.offset)))
    if (state !== IPI_FROZEN) {
      throw new KernelError(
        'GUEST_STOPPED',
        `processor ${processor.number} did not freeze: IpiFrozen is ${state}`,
      )
    }
    cpu.restoreState(mine)
    cpu.budget.instructions = instructions
  }

  #wake(processor: Processor, thread: KernelThread): void {
    const next = gva(processor.kprcb + BigInt(this.#layouts.Kprcb.fields.nextThread.offset))
    this.#space.setU64(next, thread.va)
    this.cpu.restoreState(this.#halted[processor.number]!)
  }

  #runToHalt(processor: Processor): void {
    this.cpu.budget.instructions = MAX_RUN
    this.#runUntil('halted')
    this.cpu.rip = gva(this.cpu.rip + HLT_BYTES)
    this.#halted[processor.number] = this.cpu.saveState()
  }

  #runUntil(reason: CpuStop['reason']): void {
    this.#guarded(() => {
      try {
        this.cpu.run()
      } catch (error) {
        if (error instanceof CpuStop && error.reason === reason) return
        throw error
      }
    })
  }

  /** A fault of the kernel's own code is a defect of this system, not of a driver under test. */
  #guarded<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof CpuStop)) throw error
      throw new KernelError(
        'GUEST_STOPPED',
        `the kernel's own code failed: ${error.message}`,
        {},
        { cause: error },
      )
    }
  }
}

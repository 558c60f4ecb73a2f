// The crash that the test, the check of a driver and the benchmarks share: the storage stack freezes with its requests in flight,
// guest code raises the bugcheck, RAM is kept as it was, and the crash dump stack writes one plan.
import {
  type Gpa,
  gpa,
  PAGE_SIZE,
  type PageSet,
  type Pfn,
  type PhysicalSpace,
  pfnToGpa,
} from '@dumpstack/bytes'
import type { CrashDumpStack, DumpWriteReport, RuntimeStack } from '@dumpstack/drivers'
import type { DumpPlan } from '@dumpstack/dumpfile'
import { type Machine, Owner } from '@dumpstack/machine'
import { type Bugcheck, MANUALLY_INITIATED_CRASH } from '@dumpstack/nt'
import type { BootedKernel } from '../boot/contract.ts'
import { type PagesAfterCrash, pagesAfterCrash, pagesOf } from './owned-pages.ts'

export const CRASHING_PROCESSOR = 0
export const MANUAL_CRASH: Bugcheck = { code: MANUALLY_INITIATED_CRASH, parameters: [0n, 0n, 0n, 0n] }

/** A system that runs, with its crash driver and its crash dump stack loaded. */
export interface CrashableSystem {
  readonly machine: Machine
  readonly kernel: BootedKernel
  /** The stack under the boot disk. */
  readonly runtime: RuntimeStack
  readonly dumpStack: CrashDumpStack
}

export class CrashedSystem {
  readonly bugcheck = MANUAL_CRASH
  /** Commands that were in the controller when the storage stack froze: they can only be dropped. */
  readonly commandsInFlight: number
  /** RAM as KeBugCheckEx left it. */
  readonly frozen: PhysicalSpace
  readonly #system: CrashableSystem
  readonly #dumpPath: PageSet

  /** Crashes the system. The DMA log begins here. */
  constructor(system: CrashableSystem) {
    const { machine, kernel, runtime } = system
    this.#system = system
    machine.evidence.dmaLog.clear()
    runtime.freeze()
    this.commandsInFlight = runtime.inFlight
    this.frozen = kernel.bugcheck(this.bugcheck, CRASHING_PROCESSOR)
    this.#dumpPath = pagesOf(machine.ram, [Owner.dumpPath])
  }

  /** As CrashDumpStack.write. */
  write(plan: DumpPlan): Generator<number, DumpWriteReport> {
    return this.#system.dumpStack.write(plan)
  }

  /** Writes the whole dump synchronously, for a caller without an event loop. */
  writeAll(plan: DumpPlan): DumpWriteReport {
    const writing = this.write(plan)
    let step = writing.next()
    while (step.done !== true) step = writing.next()
    return step.value
  }

  /** The first byte that differs in a page that is not as it was at the crash. */
  firstChange(page: Pfn): Gpa {
    const now = new Uint8Array(PAGE_SIZE)
    const then = new Uint8Array(PAGE_SIZE)
    const start = pfnToGpa(page)
    this.#system.machine.ram.read(start, now)
    this.frozen.read(start, then)
    return gpa(start + now.findIndex((byte, index) => byte !== then[index]))
  }

  /** What has been written to RAM since the crash. */
  pagesAfterCrash(): PagesAfterCrash {
    const { ram, evidence } = this.#system.machine
    return pagesAfterCrash(ram, evidence.writes.pages, this.#dumpPath, this.frozen)
  }
}

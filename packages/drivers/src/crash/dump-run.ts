// One dump from the port's DriverEntry to FinishRoutine: brings the stack up, moves the plan's extents in batches through filter
// and port, flushes. The order of filter start and port start is the profile's.

import { type Gva, hex, PAGE_SIZE, type ViewOf } from '@dumpstack/bytes'
import type { DumpPlan } from '@dumpstack/dumpfile'
import type { ControllerOptions, Machine } from '@dumpstack/machine'
import {
  type KernelLayouts,
  ntSuccess,
  ntstatusText,
  type Profile,
  STATUS_DEVICE_NOT_READY,
  STATUS_DISK_FULL,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '@dumpstack/nt'
import { DataWindow } from '../data-window.ts'
import type { DumpPort, DumpPortImage } from '../dump-port.ts'
import type { DumpWriteObserver } from '../dump-write-observer.ts'
import { guestBlock } from '../guest-block.ts'
import type { KernelMemory, KernelServices, LoadedImage } from '../kernel-services.ts'
import type { MiniportImage } from '../miniport.ts'
import { CrashEnvironment } from './environment.ts'
import type { LoadedFilter } from './loaded-filter.ts'
import type { PageFileMap } from './page-file-map.ts'
import type { ViolationLog } from './violation-log.ts'
import { mdlBytes, WriteBatch } from './write-batch.ts'

const YIELD_BYTES = 0x40_0000

export interface DumpRunOptions {
  readonly machine: Machine
  readonly kernel: KernelServices
  readonly profile: Profile
  readonly controller: ControllerOptions
  readonly miniport: MiniportImage
  readonly port: DumpPortImage
  readonly portImage: LoadedImage
  readonly miniportImage: LoadedImage
  readonly filter: LoadedFilter
  readonly contextMemory: KernelMemory
  /** Scratch pages, then one page for the MDL. */
  readonly scratchMemory: KernelMemory
  /** System PTEs, one for each page of an MDL. */
  readonly dataWindow: Gva
  readonly runtimeUncachedBytes: number
  readonly map: PageFileMap
  readonly log: ViolationLog
  readonly onWrite: DumpWriteObserver | null
  /** DumpPort.probe, after the last write. */
  readonly probes: boolean
}

export class DumpRun {
  bytesWritten = 0
  /** One line: what ended the dump early. */
  failure = ''
  readonly environment: CrashEnvironment
  readonly #options: DumpRunOptions
  readonly #context: ViewOf<KernelLayouts['DumpStackContext']>
  readonly #port: DumpPort
  readonly #dataWindow: DataWindow
  readonly #batch: WriteBatch

  constructor(options: DumpRunOptions) {
    this.#options = options
    const { machine, kernel, profile, contextMemory, scratchMemory } = options
    this.#context = profile.layouts.DumpStackContext.at(guestBlock(machine.ram, contextMemory).view)
    this.environment = new CrashEnvironment({
      machine,
      controller: options.controller,
      image: options.miniportImage,
      miniport: options.miniport,
      runtimeUncachedBytes: options.runtimeUncachedBytes,
      violations: options.log,
      onWrite: options.onWrite,
    })
    const { maxPagesPerWrite } = profile.limits
    this.#dataWindow = new DataWindow(kernel, options.dataWindow, maxPagesPerWrite)
    this.#port = options.port.load(options.portImage)
    const scratchBytes = maxPagesPerWrite * PAGE_SIZE
    this.#batch = new WriteBatch(
      guestBlock(machine.ram, scratchMemory, scratchBytes, mdlBytes(maxPagesPerWrite)),
      guestBlock(machine.ram, scratchMemory, 0, scratchBytes),
      maxPagesPerWrite,
    )
  }

  /** NTSTATUS of the dump. */
  *write(plan: DumpPlan): Generator<number, number> {
    let status: number = STATUS_UNSUCCESSFUL
    try {
      status = yield* this.#writeAll(plan)
      return status
    } finally {
      this.environment.dma.settle()
      // later a device may be the reason
      if (!ntSuccess(status) && this.bytesWritten === 0) this.#options.log.dumpFailed()
    }
  }

  *#writeAll(plan: DumpPlan): Generator<number, number> {
    const started = this.#start()
    if (!ntSuccess(started)) return started
    if (!this.#port.open(this.#context.partitionOffset)) {
      return this.#fail(STATUS_DEVICE_NOT_READY, `OpenRoutine returned FALSE: ${this.#port.failure}`)
    }
    yield 0
    const status = yield* this.#writeExtents(plan)
    if (!ntSuccess(status)) return status
    if (this.#options.probes && !this.#probe(plan)) return STATUS_SUCCESS
    const finished = this.#options.filter.finish()
    if (!ntSuccess(finished)) {
      return this.#fail(
        finished,
        `Dump_Finish of ${this.#options.filter.image.baseName} returned ${ntstatusText(finished)}`,
      )
    }
    this.#port.finish()
    return STATUS_SUCCESS
  }

  #start(): number {
    const { filterStart } = this.#options.profile.order
    const steps = [() => this.#startFilter(), () => this.#startPort()]
    if (filterStart === 'afterPort') steps.reverse()
    for (const step of steps) {
      const status = step()
      if (!ntSuccess(status)) return status
    }
    this.environment.dma.begin()
    return STATUS_SUCCESS
  }

  #startFilter(): number {
    const { filter, log } = this.#options
    const status = filter.start(log)
    if (ntSuccess(status)) return status
    return this.#fail(status, `filter ${filter.image.baseName} did not start: ${ntstatusText(status)}`)
  }

  #startPort(): number {
    const { kernel, profile, contextMemory, portImage } = this.#options
    const { environment } = this
    const imports = { kernel, dataWindow: this.#dataWindow, environment, profile }
    const status = this.#port.driverEntry(contextMemory.va, imports)
    if (!ntSuccess(status)) return this.#fail(status, this.#port.failure)
    const { init } = this.#context
    if (init.openRoutine === 0n || init.writeRoutine === 0n || init.finishRoutine === 0n) {
      const what = 'left no OpenRoutine, WriteRoutine or FinishRoutine in its context'
      return this.#fail(STATUS_UNSUCCESSFUL, `DriverEntry of ${portImage.baseName} ${what}`)
    }
    init.initDumpStackInvoked = 1
    return status
  }

  *#writeExtents(plan: DumpPlan): Generator<number, number> {
    let nextYield = YIELD_BYTES
    const batch = this.#batch
    for (const extent of plan.extents()) {
      const isBytes = 'bytes' in extent
      const total = isBytes ? extent.bytes.byteLength : extent.pageCount
      for (let done = 0; done < total; ) {
        const taken = isBytes
          ? batch.takeBytes(extent.at + done, extent.bytes, done)
          : batch.takePages(extent.at + done * PAGE_SIZE, extent.pfn + done, total - done)
        done += taken
        if (taken > 0) continue
        const status = this.#flush(extent.at + (isBytes ? done : done * PAGE_SIZE))
        if (status !== STATUS_SUCCESS) return status
        if (this.bytesWritten >= nextYield) {
          yield this.bytesWritten
          nextYield = this.bytesWritten + YIELD_BYTES
        }
      }
    }
    return this.#flush(0)
  }

  /** Lets the port ask what a dump does not, with what was written last as its data. False: no more requests can be sent. */
  #probe(plan: DumpPlan): boolean {
    const batch = this.#batch
    const header = Array.from(plan.extents()).findLast((extent) => 'bytes' in extent)
    if (header === undefined || !('bytes' in header)) return true
    const { filter, map } = this.#options
    const offset = map.partitionOffset(header.at)
    batch.begin(header.at, map.contiguousFrom(header.at))
    batch.takeBytes(header.at, header.bytes, 0)
    batch.seal()
    if (!ntSuccess(filter.write(offset, batch))) return true
    batch.mapTo(this.#dataWindow)
    const goesOn = this.#port.probe(offset, batch.mdl)
    this.#dataWindow.unmap()
    return goesOn
  }

  /** Writes the batch, if it holds anything, and starts the next one at `next`. */
  #flush(next: number): number {
    const batch = this.#batch
    if (batch.byteLength > 0) {
      batch.seal()
      const { filter, map } = this.#options
      const partitionOffset = map.partitionOffset(batch.start)
      const filtered = filter.write(partitionOffset, batch)
      if (!ntSuccess(filtered)) {
        const what = `Dump_Write of ${filter.image.baseName} returned ${ntstatusText(filtered)} at dump offset ${hex(batch.start)}`
        return this.#fail(filtered, what)
      }
      batch.mapTo(this.#dataWindow)
      const status = this.environment.pace.write(() => this.#port.write(partitionOffset, batch.mdl))
      if (status !== STATUS_SUCCESS) {
        return this.#fail(status, `${this.#port.failure} (dump offset ${hex(batch.start)})`)
      }
      this.#dataWindow.unmap()
      this.bytesWritten = Math.max(this.bytesWritten, batch.start + batch.byteLength)
    }
    const contiguous = this.#options.map.contiguousFrom(next)
    if (contiguous === 0) {
      const { byteLength } = this.#options.map
      return this.#fail(
        STATUS_DISK_FULL,
        `dump offset ${hex(next)} lies past the end of the page file, which has ${hex(byteLength)} bytes`,
      )
    }
    batch.begin(next, contiguous)
    return STATUS_SUCCESS
  }

  #fail(status: number, failure: string): number {
    this.failure = failure
    return status === STATUS_SUCCESS ? STATUS_UNSUCCESSFUL : status
  }
}

// A crash dump filter in the stack: its DriverEntry runs at load, its callbacks at the crash, and what it may not do to a write
// is checked here (ntdddump.h: Dump_Start, Dump_Write, Dump_Finish).
import {
  equalBytes,
  type Gva,
  getHalves,
  gpa,
  hex,
  PAGE_SIZE,
  pfn,
  pfnToGpa,
  setHalves,
} from '@dumpstack/bytes'
import { type Machine, Owner } from '@dumpstack/machine'
import {
  DUMP_FILTER_CRITICAL,
  DUMP_FILTER_MAJOR_VERSION,
  type DumpModeRuleId,
  FILTER_DUMP_TYPE_CRASH_DUMP,
  FilterExtension,
  FilterInitializationDataLayout,
  MDL_PFN_ARRAY,
  Mdl,
  ntSuccess,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '@dumpstack/nt'
import type { DumpFilterImage, FilterCallbacks } from '../dump-filter.ts'
import { guestBlock } from '../guest-block.ts'
import { HIGH_LEVEL } from '../irql.ts'
import type { KernelMemory, KernelServices, LoadedImage } from '../kernel-services.ts'
import type { GuestBlock } from '../miniport.ts'
import { routineAddress } from '../port-configuration.ts'
import type { ViolationLog } from './violation-log.ts'
import type { WriteBatch } from './write-batch.ts'

const INITIALIZATION_DATA_AT = 0x80
const OFFSET_AT = 0x100
const MEMORY_BYTES = 0x1000

type Routine = 'Start' | 'Write' | 'Finish'

export class LoadedFilter {
  readonly image: LoadedImage
  readonly #machine: Machine
  readonly #symbolPrefix: string
  readonly #memory: KernelMemory
  readonly #callbacks: FilterCallbacks
  /** NTSTATUS of a critical filter's failed DriverEntry; no dump then. */
  readonly #refusal: number
  #log!: ViolationLog
  #extension!: GuestBlock
  #offset!: GuestBlock
  readonly #contents: Uint8Array
  readonly #wasWritten: Uint8Array

  /** Loads: DriverEntry at PASSIVE_LEVEL, the only one of the stack that runs before a crash. */
  constructor(
    machine: Machine,
    kernel: KernelServices,
    filter: DumpFilterImage,
    image: LoadedImage,
    maxPages: number,
    diskByteLength: number,
  ) {
    this.#machine = machine
    this.image = image
    this.#symbolPrefix = filter.symbolPrefix
    this.#contents = new Uint8Array(maxPages * PAGE_SIZE)
    this.#wasWritten = new Uint8Array(maxPages)
    this.#memory = kernel.allocate(MEMORY_BYTES, { owner: Owner.dumpPath })
    const block = guestBlock(machine.ram, this.#memory)
    const extension = FilterExtension.at(block.view)
    extension.dumpType = FILTER_DUMP_TYPE_CRASH_DUMP
    extension.diskSize = diskByteLength
    extension.size = FilterExtension.size
    const data = FilterInitializationDataLayout.at(block.view, INITIALIZATION_DATA_AT)
    data.majorVersion = DUMP_FILTER_MAJOR_VERSION
    data.maxPagesPerWrite = maxPages
    const entry = filter.load()(
      guestBlock(machine.ram, this.#memory, 0, FilterExtension.size),
      guestBlock(machine.ram, this.#memory, INITIALIZATION_DATA_AT, FilterInitializationDataLayout.size),
      {
        allocate: (byteLength) =>
          guestBlock(machine.ram, kernel.allocate(byteLength, { owner: Owner.dumpPath })),
        pageToRead: (page) => machine.ram.span(pfnToGpa(page), PAGE_SIZE),
        pageToWrite: (page) => {
          const { buffer, byteOffset } = machine.ram.view(pfnToGpa(page), PAGE_SIZE)
          return new Uint8Array(buffer, byteOffset, PAGE_SIZE)
        },
      },
    )
    const isLoaded = ntSuccess(entry.status)
    this.#callbacks = isLoaded ? entry.callbacks : {}
    const isCritical = (data.flags & DUMP_FILTER_CRITICAL) !== 0
    this.#refusal = !isLoaded && isCritical ? entry.status : STATUS_SUCCESS
    if (this.#callbacks.dumpStart) data.dumpStart = this.#address('Start')
    if (this.#callbacks.dumpWrite) data.dumpWrite = this.#address('Write')
    if (this.#callbacks.dumpFinish) data.dumpFinish = this.#address('Finish')
  }

  /** At the crash, before the first write: NTSTATUS. */
  start(log: ViolationLog): number {
    this.#log = log
    this.#extension = guestBlock(this.#machine.ram, this.#memory, 0, FilterExtension.size)
    this.#offset = guestBlock(this.#machine.ram, this.#memory, OFFSET_AT, 8)
    if (this.#refusal !== STATUS_SUCCESS) return this.#refusal
    return this.#callbacks.dumpStart?.(this.#extension) ?? STATUS_SUCCESS
  }

  /** NTSTATUS. A filter that failed must not be written past: its plain text would leak. */
  write(partitionOffset: number, batch: WriteBatch): number {
    const { dumpWrite } = this.#callbacks
    if (dumpWrite === undefined) return STATUS_SUCCESS
    const { view } = this.#offset
    setHalves(view, 0, partitionOffset)
    this.#remember(batch)
    const status = dumpWrite(this.#extension, this.#offset, batch.mdl)
    if (!ntSuccess(status)) return status
    const offset = getHalves(view, 0)
    if (offset !== partitionOffset) {
      const change = `from ${hex(partitionOffset)} to ${hex(offset)}`
      return this.#refuse('filter-offset', `Dump_Write changed the offset of a write ${change}`)
    }
    const byteLength = batch.mdl.view.getUint32(Mdl.fields.byteCount.offset, true)
    if (byteLength !== batch.byteLength) {
      const change = `from ${hex(batch.byteLength)} to ${hex(byteLength)}`
      return this.#refuse('filter-length', `Dump_Write changed the length of a write ${change}`)
    }
    const byteOffset = batch.mdl.view.getUint32(Mdl.fields.byteOffset.offset, true)
    if (byteOffset !== 0) {
      return this.#refuse(
        'filter-offset',
        `Dump_Write changed the byte offset of the MDL to ${hex(byteOffset)}`,
      )
    }
    return this.#checkPages(batch)
  }

  finish(): number {
    return this.#callbacks.dumpFinish?.(this.#extension) ?? STATUS_SUCCESS
  }

  /** Pages written before are remembered whole; for the others the machine's write log tells. */
  #remember(batch: WriteBatch): void {
    const { evidence, ram } = this.#machine
    for (let i = 0; i < batch.pageCount; i++) {
      const page = pfn(batch.pages[i]!)
      const wasWritten = evidence.writes.pages.has(page)
      this.#wasWritten[i] = wasWritten ? 1 : 0
      if (wasWritten) ram.read(pfnToGpa(page), this.#contents.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE))
    }
  }

  #checkPages(batch: WriteBatch): number {
    const { evidence, ram } = this.#machine
    for (let i = 0; i < batch.pageCount; i++) {
      const page = pfn(batch.pages[i]!)
      if (this.#wasWritten[i] === 1 ? this.#differs(i, page) : evidence.writes.pages.has(page)) {
        const what = `Dump_Write modified page ${hex(page)} in place, which is live memory`
        return this.#refuse('filter-in-place', what)
      }
      const at = MDL_PFN_ARRAY + i * 8
      const { view } = batch.mdl
      const used = pfn(getHalves(view, at))
      if (used !== page && ram.owner(used) !== Owner.dumpPath) {
        const what = `Dump_Write pointed the MDL to page ${hex(used)}, which is not its scratch memory`
        return this.#refuse('filter-scratch', what)
      }
    }
    return STATUS_SUCCESS
  }

  #differs(index: number, page: number): boolean {
    const now = this.#machine.ram.span(gpa(page * PAGE_SIZE), PAGE_SIZE)
    return !equalBytes(now, this.#contents.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE))
  }

  #refuse(rule: DumpModeRuleId, message: string): number {
    this.#log.add({
      rule,
      call: 'Dump_Write',
      message,
      driver: this.image,
      routine: this.#address('Write'),
      irql: HIGH_LEVEL,
      atNs: this.#machine.nowNs,
    })
    return STATUS_INVALID_PARAMETER
  }

  #address(routine: Routine): Gva {
    return routineAddress(this.image, this.#symbolPrefix + routine)
  }
}

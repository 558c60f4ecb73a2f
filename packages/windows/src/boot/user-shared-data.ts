// KUSER_SHARED_DATA, the page that the kernel and every process see (ntddk.h, public: its fields never move): one frame
// at fffff780`00000000 and at 0x7ffe0000.
import { gva, type Pfn, pagesInRuns } from '@dumpstack/bytes'
import { Owner } from '@dumpstack/machine'
import { IMAGE_FILE_MACHINE_AMD64, NT_PRODUCT_TYPES, type Profile } from '@dumpstack/nt'
import type { KernelMemoryManager } from './memory-manager.ts'
import { KERNEL_READ_WRITE, type PageTables } from './page-tables.ts'
import type { SystemClock } from './system-clock.ts'
import { utf16Bytes } from './unicode-string.ts'
import { KUSER_SHARED_DATA_KERNEL, KUSER_SHARED_DATA_USER } from './virtual-region.ts'

const INTERRUPT_TIME = 0x08
const SYSTEM_TIME = 0x14
/** ImageNumberLow; ImageNumberHigh follows. */
const IMAGE_NUMBER = 0x2c
const NT_SYSTEM_ROOT = 0x30
const NT_BUILD_NUMBER = 0x260
const NT_PRODUCT_TYPE = 0x264
const PRODUCT_TYPE_IS_VALID = 0x268
const NT_MAJOR_VERSION = 0x26c
const NT_MINOR_VERSION = 0x270
const SUITE_MASK = 0x2d0
const NUMBER_OF_PHYSICAL_PAGES = 0x2e8
const TICK_COUNT = 0x320
const ACTIVE_PROCESSOR_COUNT = 0x3c0

/** Remote desktop of a single user at a time: what debuggers show of clients and of plain servers. */
export const SUITE_SINGLEUSERTS_TERMINAL = 0x110
/** Clock interrupts: 15.625 ms. */
const TICK_100NS = 156_250n

export class UserSharedData {
  readonly #memory: KernelMemoryManager
  readonly #frame: Pfn

  constructor(memory: KernelMemoryManager, profile: Profile, processorCount: number) {
    this.#memory = memory
    this.#frame = memory.pages.takeZeroed(Owner.kernel)
    memory.tables.map(KUSER_SHARED_DATA_KERNEL, this.#frame, KERNEL_READ_WRITE)
    const { space, ram } = memory
    const at = (offset: number) => gva(KUSER_SHARED_DATA_KERNEL + BigInt(offset))
    space.setU32(at(IMAGE_NUMBER), IMAGE_FILE_MACHINE_AMD64 | (IMAGE_FILE_MACHINE_AMD64 << 16))
    space.write(at(NT_SYSTEM_ROOT), utf16Bytes('C:\\Windows'))
    // reserved before Windows 10
    if (profile.majorVersion >= 10) space.setU32(at(NT_BUILD_NUMBER), profile.build)
    space.setU32(at(NT_PRODUCT_TYPE), NT_PRODUCT_TYPES[profile.productType])
    space.setU32(at(PRODUCT_TYPE_IS_VALID), 1)
    space.setU32(at(NT_MAJOR_VERSION), profile.majorVersion)
    space.setU32(at(NT_MINOR_VERSION), profile.minorVersion)
    space.setU32(at(SUITE_MASK), SUITE_SINGLEUSERTS_TERMINAL)
    space.setU32(at(NUMBER_OF_PHYSICAL_PAGES), pagesInRuns(ram.runs))
    space.setU32(at(ACTIVE_PROCESSOR_COUNT), processorCount)
  }

  mapInto(tables: PageTables): void {
    tables.map(KUSER_SHARED_DATA_USER, this.#frame, { write: false, execute: false, user: true })
  }

  /** As the last clock interrupt left it. */
  tick(clock: SystemClock): void {
    const ticks = clock.upTime / TICK_100NS
    this.#setSystemTime(INTERRUPT_TIME, ticks * TICK_100NS)
    this.#setSystemTime(SYSTEM_TIME, clock.systemTime - (clock.upTime % TICK_100NS))
    this.#setSystemTime(TICK_COUNT, ticks)
  }

  /** KSYSTEM_TIME: low part, high part, and the high part again. */
  #setSystemTime(offset: number, value: bigint): void {
    const { space } = this.#memory
    const at = KUSER_SHARED_DATA_KERNEL + BigInt(offset)
    space.setU64(gva(at), value)
    space.setU32(gva(at + 8n), Number(value >> 32n))
  }
}

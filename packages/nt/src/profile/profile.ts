// Version profiles: what a build of Windows calls things and how it orders them. Data only; the evidence for the names is
// in real minidumps and in public listings of modules: the stack loads twice, and the second load stays.
import { DumpstackError, type Gva, type Pfn } from '@dumpstack/bytes'
import type { HeaderDumpType } from '../codes/header-dump-type.ts'
import type { KernelLayouts } from './layouts.ts'
import type { LostRequest } from './lost-request.ts'

export class ProfileError extends DumpstackError {}

/**
 * One image of the stack. Its loader entry has two names, which differ for the dump port: ntddscsi.h documents the pair that a
 * driver hands out for a dump driver (DUMP_DRIVER: DriverName, BaseName).
 */
export interface StackImage {
  readonly role: 'broker' | 'port' | 'miniport' | 'filter'
  readonly nameOnDisk: string
  /** BaseDllName: `dump_` and the module whose place the image takes, since imports are bound by it. The list of unloaded drivers keeps it. */
  readonly baseName: string
  /** FullDllName: `dump_` and the file on disk. Minidumps list it, and debuggers show its last part for a loaded image. */
  readonly fullName: string
  readonly purpose: string
}

/** What one storage controller gets from one build of Windows. */
export interface ControllerDrivers {
  readonly runtimePort: string
  readonly miniport: string
  /** Code of the dump port. */
  readonly dumpPort: 'diskdump'
  /** crashdmp itself: loaded once, before the others. */
  readonly broker: StackImage
  /** Loaded at phase 1 of kernel initialisation and unloaded again; loaded for good when the boot device's page file is created. */
  readonly images: readonly StackImage[]
}

/** NT_PRODUCT_TYPE: what KUSER_SHARED_DATA and a dump's header have, by the names that debuggers print. */
export const NT_PRODUCT_TYPES = { WinNt: 1, Server: 3 } as const
/** A client, or a server that is no domain controller. */
export type ProductType = keyof typeof NT_PRODUCT_TYPES

/** What a kernel answers to drivers and programs that ask. */
export interface OsVersion {
  readonly majorVersion: number
  readonly minorVersion: number
  readonly build: number
}

/** Dump types by the words of the test; a profile says which DUMP_HEADER64.DumpType each one is. */
export const DUMP_TYPES = ['full', 'kernel', 'mini'] as const
export type DumpType = (typeof DUMP_TYPES)[number]

/** Addresses from `start` on. */
export interface AddressRange {
  readonly start: Gva
  readonly byteLength: bigint
}

/** Where a kernel keeps what, and where it shows its own page tables. */
export interface KernelPlaces {
  /** The entry of the PML4 that names the PML4 itself. */
  readonly selfMapSlot: number
  /** ntoskrnl and hal. */
  readonly kernelImages: AddressRange
  readonly driverImages: AddressRange
  readonly nonpagedPool: AddressRange
  /** Stacks, register windows, drivers' mapped memory. */
  readonly systemPtes: AddressRange
  readonly pfnDatabase: AddressRange
}

export interface Profile extends OsVersion {
  readonly name: string
  readonly layouts: KernelLayouts
  readonly paging: {
    /** Page of the System process' PML4. */
    readonly systemRoot: Pfn
    /** `drawn`: at each start, as Windows 10 does since 1607. */
    readonly places: 'drawn' | KernelPlaces
  }
  /** As the system runs with them. */
  readonly controlRegisters: { readonly cr0: bigint; readonly cr4: bigint }
  /** Folder of its guest images and their PDBs, below guest/. */
  readonly guestImages: string
  readonly productType: ProductType
  /** Whether it belongs to a domain: with the product type this decides whether MEMORY.DMP is kept once it is reported. */
  readonly isDomainMember: boolean
  /** DUMP_HEADER64.DumpType of the test's dump types. */
  readonly dumpTypes: {
    readonly full: typeof HeaderDumpType.full | typeof HeaderDumpType.bitmapFull
    readonly kernel: typeof HeaderDumpType.bitmapKernel
    readonly mini: typeof HeaderDumpType.triage
  }
  readonly limits: {
    /** Pages of one MDL, of the broker's scratch memory and of a filter's. */
    readonly maxPagesPerWrite: number
    /** Bytes of one SRB, whatever the miniport allows. */
    readonly maximumTransferSize: number
    /** Bytes of each of the two common buffers; an uncached extension is never larger. */
    readonly commonBufferSize: number
    /** Bytes of the port's heap: device extension, SRB, lists. */
    readonly memoryBlockSize: number
    /** DM-11: what a miniport should stay under, in bytes. */
    readonly noncachedBudget: number
    /** unverified: diskdump's own constants are not published; these imitate it in public research code. */
    readonly srbTimeoutSeconds: number
    readonly pollMicroseconds: number
    readonly sendsPerSrb: number
    /** Bytes that the page file of a full dump has beyond RAM. */
    readonly fullDumpExtraBytes: number
    /** Bytes that the page file of a small dump has. */
    readonly smallDumpBytes: number
  }
  readonly lostRequest: LostRequest
  readonly order: {
    /** Dump_Start of the filters relative to the port's DriverEntry. unverified: sources disagree. */
    readonly filterStart: 'beforePort' | 'afterPort'
    /** DM-05a: StorPortInitialize of the dump port calls HwFindAdapter before it returns. */
    readonly findAdapter: 'insideInitialize' | 'afterDriverEntry'
  }
  /** By controller; a text says why the pair is refused. */
  readonly stack: Readonly<Record<string, ControllerDrivers | string>>
}

/** Throws ProfileError PROFILE_PAIR when this Windows has no driver for the controller, with the reason. */
export function controllerDrivers(profile: Profile, controller: string): ControllerDrivers {
  const drivers = profile.stack[controller]
  if (typeof drivers === 'object') return drivers
  const reason = drivers ?? 'no such controller is known'
  throw new ProfileError(
    'PROFILE_PAIR',
    `controller ${controller} does not go with ${profile.name}: ${reason}`,
    {
      controller,
      profile: profile.name,
    },
  )
}

/** The controllers that this Windows has drivers for. */
export const drivenControllers = (profile: Profile): readonly string[] =>
  Object.keys(profile.stack).filter((kind) => typeof profile.stack[kind] === 'object')

/** The same stack with another miniport file: the driver under test. */
export function withMiniport(drivers: ControllerDrivers, fileName: string): ControllerDrivers {
  return {
    ...drivers,
    miniport: fileName,
    images: drivers.images.map((image) =>
      image.role === 'miniport' ? dumpMiniport(fileName, image.purpose) : image,
    ),
  }
}

/** The dump copy of a miniport has its own name twice, in the folder `drivers` as real minidumps spell it. */
export const dumpMiniport = (fileName: string, purpose: string): StackImage => ({
  role: 'miniport',
  nameOnDisk: fileName,
  baseName: `dump_${fileName}`,
  fullName: `\\SystemRoot\\System32\\drivers\\dump_${fileName}`,
  purpose,
})

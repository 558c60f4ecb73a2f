// What a booted kernel is to the rest of the system: memory and images for drivers, the bugcheck, and the facts that a
// dump header repeats. The kernel's own code runs on the machine's processor.
import type { Gpa, Gva, PageSet, PhysicalSpace } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import type { KernelServices, LoadedImage } from '@dumpstack/drivers'
import type { DumpFacts, TriageFacts } from '@dumpstack/dumpfile'
import type { Machine } from '@dumpstack/machine'
import type { Bugcheck, DumpType, Profile } from '@dumpstack/nt'

export interface BootOptions {
  readonly machine: Machine
  /** Files of the system volume by name on disk: `ntkrnlmp.exe`, `crashtst.sys`, `storahci.sys`. */
  readonly images: ReadonlyMap<string, Uint8Array>
  /** A processor of this machine that has run nothing yet. */
  readonly cpu: Cpu
  /** Milliseconds since 1970 at virtual time 0. */
  readonly epochMs: number
  /** The Windows that starts; the images have to be of its build. */
  readonly profile: Profile
  /** Files whose code runs, by name on disk. */
  readonly hosted?: ReadonlySet<string>
}

/** A row of nt!MmUnloadedDrivers. */
export interface UnloadedImage {
  /** As the list keeps it: at most 12 characters. */
  readonly name: string
  readonly start: Gva
  readonly end: Gva
  /** FILETIME: 100 ns since 1601. */
  readonly unloadedAt: bigint
}

/** CONTEXT and EXCEPTION_RECORD64 of a processor. */
export type StoppedCode = Pick<DumpFacts, 'contextRecord' | 'exceptionRecord'>

/** What a dump of a moment is made from. */
export interface StoppedKernel {
  readonly facts: DumpFacts
  /** As long as nothing runs. */
  readonly memory: PhysicalSpace
}

export interface BootedKernel extends KernelServices {
  /** nt!KeBugCheckReasonCallbackListHead. */
  readonly reasonCallbackHead: Gva
  /** CR3 of the System process. */
  readonly directoryTableBase: Gpa
  /** KPCR of processor 0, where GS points in kernel code. */
  readonly processorRegion: Gva
  /** As PsLoadedModuleList holds them: kernel, hal, then in load order. */
  readonly loadedImages: readonly LoadedImage[]
  readonly unloadedImages: readonly UnloadedImage[]
  /** Loads the crash driver, which registers the data that it leaves in a dump. */
  loadCrashDriver(): void
  /**
   * KeBugCheckEx as the crash driver calls it on processor `cpu`: freezes the others, saves every processor's context,
   * disables interrupts. Returns RAM as it is at that instant. Throws WindowsError ALREADY_CRASHED the second time.
   */
  bugcheck(bugcheck: Bugcheck, cpu: number): PhysicalSpace
  /** Throws WindowsError NOT_CRASHED before bugcheck(). */
  dumpFacts(): DumpFacts
  /** As a bugcheck of this moment would leave the system, before the first one or after it, with the registers of other code than KeBugCheckEx. */
  stoppedNow(bugcheck: Bugcheck, code: StoppedCode): StoppedKernel
  /** What a minidump says of this crash. Throws WindowsError NOT_CRASHED before bugcheck(). */
  triageFacts(): TriageFacts
  /** Pages that a dump of the type must hold: all of RAM, or what the kernel and the dump path own. */
  promised(dump: Exclude<DumpType, 'mini'>): PageSet
}

// What the kernel gives to drivers: memory with addresses, image loading, register windows. windows/boot implements it.
import type { Gpa, Gva } from '@dumpstack/bytes'
import type { Owner } from '@dumpstack/machine'
import type { OsVersion } from '@dumpstack/nt'

export interface KernelMemory {
  readonly va: Gva
  readonly gpa: Gpa
  readonly byteLength: number
}

/** An image mapped into guest RAM and entered into the loaded module list. */
export interface LoadedImage {
  /** File on disk: `storahci.sys`. */
  readonly nameOnDisk: string
  /** Its own among the loaded images, and the one that imports name: `dump_storahci.sys`. */
  readonly baseName: string
  readonly base: Gva
  readonly size: number
  /** Address of an export; null where the image has none of that name. */
  exportAddress(name: string): Gva | null
}

/** Without one: data that is read and written. */
export interface PageAccess {
  readonly write: boolean
  readonly execute: boolean
}

export interface KernelServices {
  readonly version: OsVersion
  /** Physically contiguous, zeroed nonpaged memory, page granular; its pages get `owner`. */
  allocate(byteLength: number, options: { owner: Owner; below4GiB?: boolean }): KernelMemory
  /** Virtual to physical through the kernel's page tables; null when not mapped. */
  vaToGpa(va: Gva): Gpa | null
  /**
   * Addresses for pages that the caller maps later; no page table entry maps a page yet. With `tables` their page table exists already
   * and belongs to that owner: mapping them takes no memory and changes no page of another owner. At most 512 pages then.
   */
  reserveSystemPtes(pageCount: number, tables?: Owner): Gva
  /** Points the entry of one reserved page at a page of RAM, or nowhere. */
  mapSystemPte(va: Gva, page: Gpa | null, access?: PageAccess): void
  /** Maps a register window; the same window gives the same address. */
  mapIoSpace(gpa: Gpa, byteLength: number): Gva
  /**
   * An image that is loaded under that base name is shared. The full name is that of a file of this base name in the system's
   * folders, where none is given. Throws when the image is not installed.
   */
  loadImage(nameOnDisk: string, baseName: string, fullName?: string): LoadedImage
  /** Moves the image from the loaded to the unloaded list and frees its memory. */
  unloadImage(image: LoadedImage): void
  /** The clock interrupt: the times in the page that kernel code reads without a call. */
  clockInterrupt(): void
}

// A PE file in guest memory: mapped section by section, with the protection that its headers ask for.
import { type Gva, gpaToPfn, gva, PAGE_SIZE } from '@dumpstack/bytes'
import { mapPe, type PeImage } from '@dumpstack/image'
import type { Owner } from '@dumpstack/machine'
import type { AddressSpace } from './address-space.ts'
import type { PageTables, Protection } from './page-tables.ts'

// IMAGE_SCN_* (PE Format, "Section Flags")
const IMAGE_SCN_MEM_EXECUTE = 0x20000000
const IMAGE_SCN_MEM_WRITE = 0x80000000

const HEADERS: Protection = { write: false, execute: false }

export function mapImage(
  space: AddressSpace,
  image: PeImage,
  base: Gva,
  owner: Owner,
  user: boolean = false,
): void {
  for (const [page, protection] of pageProtections(image).entries()) {
    space.commit(gva(base + BigInt(page * PAGE_SIZE)), 1, owner, { ...protection, user })
  }
  space.write(base, mapPe(image, base))
}

/** The same image in another process: the same frames. */
export function shareImage(from: PageTables, to: PageTables, image: PeImage, base: Gva): void {
  for (const [page, protection] of pageProtections(image).entries()) {
    const va = gva(base + BigInt(page * PAGE_SIZE))
    const address = from.translate(va)
    if (address !== null) to.map(va, gpaToPfn(address), { ...protection, user: true })
  }
}

/** An image whose sections are aligned to less than a page has pages of several: each has what any of them asks for. */
function pageProtections(image: PeImage): Protection[] {
  const pageCount = Math.ceil(image.sizeOfImage / PAGE_SIZE)
  const protections: Protection[] = Array.from({ length: pageCount }, () => HEADERS)
  for (const section of image.sections) {
    const end = Math.ceil((section.rva + section.virtualSize) / PAGE_SIZE)
    const isWritable = (section.characteristics & IMAGE_SCN_MEM_WRITE) !== 0
    const isExecutable = (section.characteristics & IMAGE_SCN_MEM_EXECUTE) !== 0
    for (let page = Math.floor(section.rva / PAGE_SIZE); page < end; page++) {
      const { write, execute } = protections[page]!
      protections[page] = { write: write || isWritable, execute: execute || isExecutable }
    }
  }
  return protections
}

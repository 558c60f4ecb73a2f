// Whose a page is that differs from RAM taken from outside.

/**
 * dumpPath, processor, kernel: what Windows itself writes at the blue screen. pool, image, mapped, pageTable: other memory of the
 * kernel. unmapped: the kernel has no address for it, and no program runs any more. unknown: the page tables are not sound.
 */
export const PAGE_OWNERS = [
  'dumpPath',
  'processor',
  'kernel',
  'pool',
  'image',
  'pageTable',
  'mapped',
  'unmapped',
  'unknown',
] as const
export type OwnerKind = (typeof PAGE_OWNERS)[number]

export interface PageOwner {
  readonly kind: OwnerKind
  /** `dump_storahci.sys`, `pool tag NvmX`. */
  readonly what: string
  /** False where nothing that still runs can have written it: a page without an address, and a read-only page of an image. */
  readonly isWritable: boolean
}

/** What Windows goes on to write at the blue screen, whatever the dump. */
export const isWrittenAtBlueScreen = ({ kind, isWritable }: PageOwner): boolean =>
  isWritable && (kind === 'dumpPath' || kind === 'processor' || kind === 'kernel')

// Whose a page is that differs from RAM taken from outside.

/**
 * dumpPath, processor, kernel: what Windows itself writes at the blue screen. pool, image, mapped, pageTable: memory that the kernel
 * can write. unmapped: no address of the kernel can write it, and no program runs any more. unknown: the tables are not sound.
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
}

/** What Windows goes on to write at the blue screen, whatever the dump. */
export const isWrittenAtBlueScreen = ({ kind }: PageOwner): boolean =>
  kind === 'dumpPath' || kind === 'processor' || kind === 'kernel'

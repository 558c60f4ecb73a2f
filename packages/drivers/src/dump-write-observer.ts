// The observer of the writes of a dump.

/** A write of the dump port has ended: machine time, place on the disk, the page of RAM that its bytes begin in, and how the miniport ended it (SRB_STATUS_*). */
export type DumpWriteObserver = (
  atNs: number,
  block: number,
  blockCount: number,
  blockBytes: number,
  firstPfn: number,
  srbStatus: number,
) => void

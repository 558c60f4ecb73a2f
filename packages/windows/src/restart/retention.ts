// Whether a client keeps MEMORY.DMP once it is reported: only with more than 25 GB free, unless AlwaysKeepMemoryDump
// says so (Windows Internals, 6th edition, part 2, chapter 14). Servers and domain members keep it; this is neither.
const KEEP_ABOVE_FREE_BYTES = 25 * 1024 ** 3

export const keepsMemoryDump = (freeBytes: number, alwaysKeepMemoryDump: boolean): boolean =>
  alwaysKeepMemoryDump || freeBytes > KEEP_ABOVE_FREE_BYTES

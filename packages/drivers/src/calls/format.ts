// The record of a driver file's calls and register accesses: docs/formats/calls.md describes it. Numbers are unsigned LEB128.

/** `DSCALLS` and the version. */
export const CALLS_MAGIC = Uint8Array.of(0x44, 0x53, 0x43, 0x41, 0x4c, 0x4c, 0x53, 0x02)

export const Tag = {
  window: 0x01,
  name: 0x02,
  site: 0x03,
  call: 0x10,
  callBegins: 0x11,
  callReturns: 0x12,
  callStops: 0x13,
  /** And below: bit 0 write, bits 2:1 log2 of the width. */
  access: 0x20,
  lastAccess: 0x25,
  gap: 0x30,
  segment: 0x31,
  end: 0x3f,
} as const

export const LIVES = ['runtime', 'dump'] as const
export const WINDOW_KINDS = ['mmio', 'port'] as const

// Limits that both sides keep: a reader needs no more than RECORD_BYTES of the file at once.
export const NAME_BYTES = 1024
export const MAX_ARGUMENTS = 16
/** Calls within calls; what is called deeper is counted as cut. */
export const MAX_DEPTH = 32
export const RECORD_BYTES = 4096

// The memory that a test of one instruction sees, the same on QEMU and on our processor: small windows of known
// content, page tables over them (Intel SDM volume 3, 4.5), and the record that carries a state in and out of harness.s.

/** Where instructions under test lie, one per slot; int3 fills what is not used. */
export const CODE = 0xfffff80011000000n
export const CODE_AT = 0x400000
/** The same for ring 3: the lower half of the address. */
export const USER_CODE = 0x11000000n
/** The same, to write. */
export const CODE_ALIAS = 0xfffff80011800000n
export const CODE_BYTES = 0x400000
export const SLOT_BYTES = 128

export const GS_BASE = 0xfffff80012340f80n
export const FS_BASE = 0xfffff80012344780n

/** A stretch of memory that tests read and write; `low` is its second address, below 4 GiB, and for ring 3. */
export interface Window {
  readonly address: bigint
  readonly low: bigint
  /** Where its bytes are in a record. */
  readonly offset: number
  readonly byteLength: number
  /** Physical pieces, since neighbours in virtual memory are not neighbours in RAM. */
  readonly at: readonly { gpa: number; byteLength: number }[]
}
const window = (
  address: bigint,
  low: bigint,
  offset: number,
  ...at: [gpa: number, byteLength: number][]
) => ({
  address,
  low,
  offset,
  byteLength: at.reduce((sum, [, byteLength]) => sum + byteLength, 0),
  at: at.map(([gpa, byteLength]) => ({ gpa, byteLength })),
})
/** Across a page boundary, between frames in the wrong order. */
export const CROSSING = window(0xfffff80012340f80n, 0x30f80n, 0x200, [0x22f80, 128], [0x20000, 128])
export const STACK = window(0xfffff80012344780n, 0x34780n, 0x300, [0x24780, 256])
/** Up to the end of a page before an absent one. */
export const BRINK = window(0xfffff80012341fc0n, 0x31fc0n, 0x400, [0x20fc0, 64])
export const READ_ONLY = window(0xfffff80012346000n, 0x36000n, 0x440, [0x26000, 64])
/** In a page of 2 MiB. */
export const LARGE = window(0x2a0000n, 0x2a0000n, 0x480, [0x2a0000, 64])
/** Pages whose entries have reserved bits set: of 4 KiB and of 2 MiB. */
export const RESERVED = [0xfffff80012348000n, 0xfffff80012600000n]
export const WINDOWS: readonly Window[] = [CROSSING, STACK, BRINK, READ_ONLY, LARGE]
/** Frames that a test may touch. */
export const FRAMES = [0x20000, 0x22000, 0x24000, 0x26000, 0x2a0000]
/** The large page: instructions that change their own base register reach all of it. */
export const LARGE_AT = 0x200000
export const LARGE_BYTES = 0x200000

export const Record = {
  gpr: 0,
  rip: 0x80,
  rflags: 0x88,
  vector: 0x90,
  errorCode: 0x98,
  cr2: 0xa0,
  mxcsr: 0xa8,
  cs: 0xb0,
  ss: 0xb8,
  xmm: 0x100,
}
export const RECORD_BYTES = 0x500
/** Selectors of code and data as 64-bit Windows has them. */
export const KERNEL_CS = 0x10n
export const KERNEL_SS = 0x18n
export const USER_CS = 0x33n
export const USER_SS = 0x2bn
/** All of RAM for ring 0. */
export const HIGH = 0xffff900000000000n

export const PML4_AT = 0x10000
/** All pages of the page tables below. */
export const TABLES = [PML4_AT, 0x11000, 0x12000, 0x13000, 0x14000, 0x15000, 0x16000, 0x17000, 0x18000]
const PRESENT = 1n
const WRITABLE = 2n
const USER = 4n
const ACCESSED_DIRTY = 0x60n
const LARGE_PAGE = 0x80n
const NO_EXECUTE = 1n << 63n

/** One 64-bit store of physical memory. */
export type Store = readonly [gpa: number, value: bigint]

/** Page tables of the tests: windows high and low, code, and nothing else. */
export function testTables(): Store[] {
  const stores: Store[] = []
  const table = (at: number, index: number, to: number) => stores.push([at + index * 8, BigInt(to) | 0x67n])
  const page = (at: number, index: number, gpa: number, flags: bigint) =>
    stores.push([at + index * 8, BigInt(gpa) | PRESENT | ACCESSED_DIRTY | flags])
  const windows = (pt: number, first: number, flags: bigint) => {
    page(pt, first, 0x22000, WRITABLE | flags)
    page(pt, first + 1, 0x20000, WRITABLE | flags)
    page(pt, first + 4, 0x24000, WRITABLE | flags)
    page(pt, first + 6, 0x26000, flags)
  }
  table(PML4_AT, 0, 0x11000)
  table(0x11000, 0, 0x12000)
  table(0x12000, 0, 0x13000)
  windows(0x13000, 0x30, USER | NO_EXECUTE)
  page(0x12000, 1, LARGE_AT, WRITABLE | USER | LARGE_PAGE | NO_EXECUTE)
  page(0x12000, Number(USER_CODE) >>> 21, CODE_AT, USER | LARGE_PAGE)
  page(0x12000, (Number(USER_CODE) >>> 21) + 1, CODE_AT + 0x200000, USER | LARGE_PAGE)
  table(PML4_AT, 0x1f0, 0x14000)
  table(0x14000, 0, 0x15000)
  page(0x15000, 0x11000000 >>> 21, CODE_AT, LARGE_PAGE)
  page(0x15000, (0x11000000 >>> 21) + 1, CODE_AT + 0x200000, LARGE_PAGE)
  page(0x15000, 0x11800000 >>> 21, CODE_AT, WRITABLE | LARGE_PAGE | NO_EXECUTE)
  page(0x15000, (0x11800000 >>> 21) + 1, CODE_AT + 0x200000, WRITABLE | LARGE_PAGE | NO_EXECUTE)
  table(0x15000, 0x12340000 >>> 21, 0x16000)
  windows(0x16000, (0x12340000 >>> 12) & 0x1ff, NO_EXECUTE)
  page(0x16000, (0x12348000 >>> 12) & 0x1ff, 0x26000, WRITABLE | (1n << 51n))
  page(0x15000, 0x12600000 >>> 21, LARGE_AT, WRITABLE | LARGE_PAGE | (1n << 13n))
  // all 64 MiB of RAM at HIGH
  table(PML4_AT, 0x120, 0x17000)
  table(0x17000, 0, 0x18000)
  for (let index = 0; index < 32; index++) page(0x18000, index, index << 21, WRITABLE | LARGE_PAGE)
  return stores
}

/** What harness.s needs besides: its own first page. */
export const BOOT_TABLES: readonly Store[] = [[0x13000 + 7 * 8, 0x7063n]]

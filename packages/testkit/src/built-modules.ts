// The modules that built dumps list, loaded and unloaded.
export const PAGE = 4096
export const KERNEL_BASE = 0xfffff80312400000n
export const KERNEL_PAGES = 8

export interface BuiltModule {
  readonly name: string
  readonly base: bigint
  readonly size: number
  readonly timeDateStamp?: number
}

export interface BuiltUnloaded {
  readonly name: string
  readonly start: bigint
  readonly end: bigint
}

export const DEFAULT_MODULES: readonly BuiltModule[] = [
  { name: 'ntoskrnl.exe', base: KERNEL_BASE, size: KERNEL_PAGES * PAGE, timeDateStamp: 0x5f3c1a2b },
  { name: 'hal.dll', base: 0xfffff80311f00000n, size: 0x6000, timeDateStamp: 0x11223344 },
  { name: 'storahci.sys', base: 0xfffff80316e00000n, size: 0x30000, timeDateStamp: 0xdeadbeef },
  { name: 'dump_storahci.sys', base: 0xfffff80316f00000n, size: 0x30000, timeDateStamp: 0xdeadbeef },
]

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0))

export function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2)
  for (let i = 0; i < text.length; i++) new DataView(bytes.buffer).setUint16(i * 2, text.charCodeAt(i), true)
  return bytes
}

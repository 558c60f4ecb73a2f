// Builds a minidump (type 4) byte by byte, as dump.ts builds dumps of pages: every offset is a literal of its own.
import {
  ascii,
  type BuiltModule,
  type BuiltUnloaded,
  DEFAULT_MODULES,
  KERNEL_BASE,
  utf16,
} from './built-modules.ts'

/** A minidump with a driver list and nothing that a debugger would want. */
export function buildTriageDump(
  modules: readonly BuiltModule[] = DEFAULT_MODULES,
  unloaded: readonly BuiltUnloaded[] = [
    { name: 'dump_dumpfve', start: 0xfffff8031510_0000n, end: 0xfffff8031511_d000n },
  ],
): Uint8Array {
  const unloadedAt = 0x20d0
  const kdbgAt = unloadedAt + 8 + unloaded.length * 0x38
  const listAt = kdbgAt + 0x380
  const poolAt = listAt + modules.length * 0x90
  const names = modules.map(({ name }) => `\\SystemRoot\\system32\\${name}`)
  const nameAt: number[] = []
  let end = poolAt
  for (const name of names) {
    nameAt.push(end)
    end = (end + 4 + name.length * 2 + 2 + 7) & ~7
  }
  const bytes = new Uint8Array(end + 4)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < 0x2000; i += 4) bytes.set(ascii('PAGE'), i)
  bytes.set(ascii('PAGEDU64'), 0)
  view.setUint32(0x8, 0xf, true)
  view.setUint32(0xc, 19041, true)
  view.setBigUint64(0x20, KERNEL_BASE + 0x2390n, true)
  view.setUint32(0x30, 0x8664, true)
  view.setUint32(0x34, 2, true)
  view.setUint32(0x38, 0xe2, true)
  for (let i = 0; i < 4; i++) view.setBigUint64(0x40 + i * 8, BigInt(i), true)
  view.setBigUint64(0x80, KERNEL_BASE + 0xb20n, true)
  bytes.fill(0, 0x348, 0xf00)
  view.setUint32(0x378, 0x10001f, true)
  view.setUint32(0x37c, 0x1f80, true)
  view.setUint32(0x460, 0x1f80, true)
  view.setBigUint64(0x3e0, 0xffffa00012345678n, true)
  view.setBigUint64(0x440, KERNEL_BASE + 0x1234n, true)
  view.setUint32(0xf98, 4, true)
  view.setBigUint64(0xfa8, 0x1da3c5f12345678n, true)
  view.setBigUint64(0x1030, 0x23bc1e9n, true)
  view.setUint32(0x1048, 0, true)
  view.setUint32(0x2004, bytes.length, true)
  view.setUint32(0x2008, end, true)
  view.setUint32(0x2018, unloadedAt, true)
  view.setUint32(0x2030, listAt, true)
  view.setUint32(0x2034, modules.length, true)
  view.setUint32(0x2038, poolAt, true)
  view.setUint32(0x203c, end - poolAt, true)
  view.setUint32(0x2070, kdbgAt, true)
  view.setUint32(0x2074, 0x380, true)
  view.setUint32(unloadedAt, unloaded.length, true)
  for (const [i, driver] of unloaded.entries()) {
    const at = unloadedAt + 8 + i * 0x38
    view.setUint16(at, driver.name.length * 2, true)
    view.setUint16(at + 2, driver.name.length * 2, true)
    bytes.set(utf16(driver.name).subarray(0, 24), at + 0x10)
    view.setBigUint64(at + 0x28, driver.start, true)
    view.setBigUint64(at + 0x30, driver.end, true)
  }
  bytes.set(ascii('KDBG'), kdbgAt + 0x10)
  view.setUint32(kdbgAt + 0x14, 0x380, true)
  view.setBigUint64(kdbgAt + 0x18, KERNEL_BASE, true)
  view.setBigUint64(kdbgAt + 0x48, KERNEL_BASE + 0x2390n, true)
  for (const [i, module] of modules.entries()) {
    const at = listAt + i * 0x90
    view.setUint32(at, nameAt[i] as number, true)
    view.setBigUint64(at + 0x38, module.base, true)
    view.setUint32(at + 0x48, module.size, true)
    view.setUint32(at + 0x88, module.timeDateStamp ?? 0, true)
    const name = names[i] as string
    view.setUint32(nameAt[i] as number, name.length, true)
    bytes.set(utf16(name), (nameAt[i] as number) + 4)
  }
  bytes.set(ascii('TRGD'), end)
  return bytes
}

// The registry as a running driver finds it through the kernel's routines: the service key of its own installation, and what it makes itself.
// Names are kept in lower case, as the registry compares them.

export const REG_NONE = 0
export const REG_SZ = 1
export const REG_EXPAND_SZ = 2
export const REG_DWORD = 4
export const REG_MULTI_SZ = 7
/** Our choice, of keys and of the values of one: more is the host's memory. */
const MAX_KEYS = 256
const MAX_VALUES = 256

export interface RegistryValue {
  readonly name: string
  readonly type: number
  readonly data: Uint8Array
}
/** By their names in lower case. */
type RegistryKey = Map<string, RegistryValue>

const SERVICE_BOOT_START = 0
const SERVICE_KERNEL_DRIVER = 1
const SERVICE_ERROR_NORMAL = 1
/** INTERFACE_TYPE of the PnpInterface key. */
const PCI_BUS = '5'

export function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length + 1) * 2)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), true)
  return bytes
}

function dword(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

export class KernelRegistry {
  readonly #keys = new Map<string, RegistryKey>()
  /** Paths that handles stand for. */
  readonly #handles = new Map<bigint, string>()

  /** `path` is that of the service key. */
  constructor(path: string, fileName: string) {
    const key = this.#make(path)
    const values: readonly (readonly [name: string, type: number, data: Uint8Array])[] = [
      ['Type', REG_DWORD, dword(SERVICE_KERNEL_DRIVER)],
      ['Start', REG_DWORD, dword(SERVICE_BOOT_START)],
      ['ErrorControl', REG_DWORD, dword(SERVICE_ERROR_NORMAL)],
      ['ImagePath', REG_EXPAND_SZ, utf16(`System32\\drivers\\${fileName}`)],
      ['Group', REG_SZ, utf16('SCSI Miniport')],
    ]
    for (const [name, type, data] of values) key.set(name.toLowerCase(), { name, type, data })
    this.#make(`${path}\\Parameters\\Device`)
    const bus = { name: PCI_BUS, type: REG_DWORD, data: dword(1) }
    this.#make(`${path}\\Parameters\\PnpInterface`).set(PCI_BUS, bus)
  }

  /** A key is there that has it as its path, or as a part of its path. */
  has(path: string): boolean {
    const wanted = normal(path)
    if (this.#keys.has(wanted)) return true
    if (wanted === '') return false
    for (const key of this.#keys.keys()) if (key.startsWith(`${wanted}\\`)) return true
    return false
  }

  /** False where there are too many keys. */
  create(path: string): boolean {
    if (!this.has(path) && this.#keys.size >= MAX_KEYS) return false
    this.#make(path)
    return true
  }

  keep(handle: bigint, path: string): void {
    this.#handles.set(handle, path)
  }

  close(handle: bigint): boolean {
    return this.#handles.delete(handle)
  }

  get openCount(): number {
    return this.#handles.size
  }

  /** Null of a handle that is none. */
  pathOf(handle: bigint): string | null {
    return this.#handles.get(handle) ?? null
  }

  values(path: string): Iterable<RegistryValue> {
    return this.#keys.get(normal(path))?.values() ?? []
  }

  value(path: string, name: string): RegistryValue | null {
    return this.#keys.get(normal(path))?.get(name.toLowerCase()) ?? null
  }

  /** False where the key has too many. */
  setValue(path: string, value: RegistryValue): boolean {
    const key = this.#make(path)
    const name = value.name.toLowerCase()
    if (!key.has(name) && key.size >= MAX_VALUES) return false
    key.set(name, value)
    return true
  }

  deleteValue(path: string, name: string): boolean {
    return this.#keys.get(normal(path))?.delete(name.toLowerCase()) ?? false
  }

  #make(path: string): RegistryKey {
    const name = normal(path)
    const known = this.#keys.get(name)
    if (known !== undefined) return known
    const made: RegistryKey = new Map()
    this.#keys.set(name, made)
    return made
  }
}

/** The current control set is the first. */
const normal = (path: string): string =>
  path
    .toLowerCase()
    .replace(/\\controlset001(?=\\|$)/, '\\currentcontrolset')
    .replace(/\\+$/, '')

// A registry of typed values in keys. A volatile key lives until the restart, as those made with REG_OPTION_VOLATILE.
// Paths are written as regedit shows them, and compared without case.
import { WindowsError } from '../errors.ts'

export type RegistryValue =
  | { readonly type: 'REG_DWORD'; readonly data: number }
  | { readonly type: 'REG_SZ' | 'REG_EXPAND_SZ'; readonly data: string }
  | { readonly type: 'REG_MULTI_SZ'; readonly data: readonly string[] }

/** A key as a power off leaves it. */
export interface SavedKey {
  /** From the root: `HKLM\SYSTEM\CurrentControlSet`. A key follows the one above it. */
  readonly path: string
  readonly values: readonly { readonly name: string; readonly value: RegistryValue }[]
}

export class RegistryKey {
  readonly name: string
  readonly isVolatile: boolean
  readonly #values = new Map<string, { name: string; value: RegistryValue }>()
  readonly #subkeys = new Map<string, RegistryKey>()

  constructor(name: string, isVolatile: boolean) {
    this.name = name
    this.isVolatile = isVolatile
  }

  get values(): ReadonlyMap<string, RegistryValue> {
    return new Map([...this.#values.values()].map(({ name, value }) => [name, value]))
  }

  get subkeys(): readonly RegistryKey[] {
    return [...this.#subkeys.values()]
  }

  set(name: string, value: RegistryValue): void {
    this.#values.set(name.toLowerCase(), { name, value })
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase())
  }

  /** null when absent; throws WindowsError REGISTRY_TYPE when the value is of another type. */
  dword(name: string): number | null {
    const value = this.#values.get(name.toLowerCase())?.value
    if (value === undefined) return null
    if (value.type !== 'REG_DWORD') throw this.#wrongType(name, value, 'REG_DWORD')
    return value.data
  }

  text(name: string): string | null {
    const value = this.#values.get(name.toLowerCase())?.value
    if (value === undefined) return null
    if (value.type !== 'REG_SZ' && value.type !== 'REG_EXPAND_SZ')
      throw this.#wrongType(name, value, 'REG_SZ')
    return value.data
  }

  texts(name: string): readonly string[] {
    const value = this.#values.get(name.toLowerCase())?.value
    if (value === undefined) return []
    if (value.type !== 'REG_MULTI_SZ') throw this.#wrongType(name, value, 'REG_MULTI_SZ')
    return value.data
  }

  subkey(name: string): RegistryKey | null {
    return this.#subkeys.get(name.toLowerCase()) ?? null
  }

  /** Opens it when it is there. Below a volatile key all keys are volatile. */
  createSubkey(name: string, isVolatile: boolean): RegistryKey {
    const present = this.subkey(name)
    if (present !== null) return present
    const key = new RegistryKey(name, isVolatile || this.isVolatile)
    this.#subkeys.set(name.toLowerCase(), key)
    return key
  }

  deleteSubkey(name: string): void {
    this.#subkeys.delete(name.toLowerCase())
  }

  #wrongType(name: string, value: RegistryValue, expected: string): WindowsError {
    return new WindowsError(
      'REGISTRY_TYPE',
      `registry value ${this.name}\\${name} is ${value.type}, expected ${expected}`,
      {
        name,
      },
    )
  }
}

export class Registry {
  readonly #root = new RegistryKey('', false)

  /** Empty, or with the keys that the last power off left. */
  constructor(saved: readonly SavedKey[] = []) {
    for (const { path, values } of saved) {
      const key = this.create(path)
      for (const { name, value } of values) key.set(name, value)
    }
  }

  /** null when a key on the way is absent. */
  open(path: string): RegistryKey | null {
    let key: RegistryKey | null = this.#root
    for (const name of path.split('\\')) key = key?.subkey(name) ?? null
    return key
  }

  create(path: string, options?: { volatile: boolean }): RegistryKey {
    const names = path.split('\\')
    return names.reduce(
      (key, name, index) => key.createSubkey(name, options?.volatile === true && index === names.length - 1),
      this.#root,
    )
  }

  /** What a restart leaves: volatile keys are gone, all else stays. */
  saved(): SavedKey[] {
    return [...savedBelow(this.#root, '')]
  }
}

function* savedBelow(parent: RegistryKey, path: string): Generator<SavedKey> {
  for (const key of parent.subkeys) {
    if (key.isVolatile) continue
    const below = `${path}${key.name}`
    yield { path: below, values: [...key.values].map(([name, value]) => ({ name, value })) }
    yield* savedBelow(key, `${below}\\`)
  }
}

// The registry values that decide whether, where and how Windows writes a crash dump
// (Microsoft, "Varieties of kernel-mode dump files" and the pages on memory dump file options; KB 254649).
import type { DumpType } from '@dumpstack/target'
import { WindowsError } from '../errors.ts'
import type { Registry, RegistryKey } from './registry.ts'

const CRASH_CONTROL = 'HKLM\\SYSTEM\\CurrentControlSet\\Control\\CrashControl'
const MEMORY_MANAGEMENT = 'HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management'
const MACHINE_CRASH = 'MachineCrash'
/** Not a Windows value: the test accepts page files that are no whole number of MB. */
const EXACT_PAGING_FILE_SIZE = 'DumpstackPagingFileBytes'

export const SYSTEM_ROOT = 'C:\\Windows'
const PAGE_FILE = 'C:\\pagefile.sys'

/** CrashDumpEnabled. */
const CRASH_DUMP_NONE = 0
const CRASH_DUMP_COMPLETE = 1
const CRASH_DUMP_KERNEL = 2
const CRASH_DUMP_SMALL = 3
const CRASH_DUMP_AUTOMATIC = 7
const ENABLED_FOR: Readonly<Record<DumpType, number>> = {
  full: CRASH_DUMP_COMPLETE,
  kernel: CRASH_DUMP_KERNEL,
  mini: CRASH_DUMP_SMALL,
}
const DEFAULT_MINIDUMPS_COUNT = 50
/** TempDestination: DumpFile is a temporary name. unverified: its exact values are not published; a real key settles it. */
const TEMP_DESTINATION = 1

export interface MachineCrash {
  readonly dumpFile: string
  readonly tempDestination: number
}

/** What the test changes and puts back. */
const CONFIGURED_VALUES = ['CrashDumpEnabled', 'AutoReboot', 'Overwrite'] as const
export interface CrashControlSettings {
  readonly values: readonly { readonly name: string; readonly data: number | null }[]
  readonly pageFileBytes: number | null
}

export class CrashControl {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** What Windows setup leaves: automatic memory dump, a page file on C:. */
  install(pageFileBytes: number, alwaysKeepMemoryDump: boolean): void {
    const key = this.#key
    key.set('CrashDumpEnabled', { type: 'REG_DWORD', data: CRASH_DUMP_AUTOMATIC })
    key.set('AutoReboot', { type: 'REG_DWORD', data: 1 })
    key.set('Overwrite', { type: 'REG_DWORD', data: 1 })
    key.set('LogEvent', { type: 'REG_DWORD', data: 1 })
    key.set('AlwaysKeepMemoryDump', { type: 'REG_DWORD', data: alwaysKeepMemoryDump ? 1 : 0 })
    key.set('DumpFile', { type: 'REG_EXPAND_SZ', data: '%SystemRoot%\\MEMORY.DMP' })
    key.set('MinidumpDir', { type: 'REG_EXPAND_SZ', data: '%SystemRoot%\\Minidump' })
    key.set('MinidumpsCount', { type: 'REG_DWORD', data: DEFAULT_MINIDUMPS_COUNT })
    key.set('DumpFilters', { type: 'REG_MULTI_SZ', data: ['dumpfve.sys'] })
    this.setPagingFile(pageFileBytes)
  }

  /**
   * The test's own settings for a type. unverified: whether the kit sets AlwaysKeepMemoryDump; its page does not say so, and
   * here it stays as the system has it.
   */
  configure(dump: DumpType): void {
    const key = this.#key
    key.set('CrashDumpEnabled', { type: 'REG_DWORD', data: ENABLED_FOR[dump] })
    key.set('AutoReboot', { type: 'REG_DWORD', data: 1 })
    key.set('Overwrite', { type: 'REG_DWORD', data: 1 })
  }

  get settings(): CrashControlSettings {
    const key = this.#key
    return {
      values: CONFIGURED_VALUES.map((name) => ({ name, data: key.dword(name) })),
      pageFileBytes: this.pagingFiles[0]?.byteLength ?? null,
    }
  }

  restore(settings: CrashControlSettings): void {
    for (const { name, data } of settings.values) {
      if (data === null) this.#key.delete(name)
      else this.#key.set(name, { type: 'REG_DWORD', data })
    }
    if (settings.pageFileBytes === null) this.clearPagingFiles()
    else this.setPagingFile(settings.pageFileBytes)
  }

  get enabled(): number {
    return this.#key.dword('CrashDumpEnabled') ?? CRASH_DUMP_NONE
  }

  /** The type that a crash writes now; an automatic dump is a kernel dump. null: none. */
  get dumpType(): DumpType | null {
    switch (this.enabled) {
      case CRASH_DUMP_COMPLETE:
        return 'full'
      case CRASH_DUMP_KERNEL:
      case CRASH_DUMP_AUTOMATIC:
        return 'kernel'
      case CRASH_DUMP_SMALL:
        return 'mini'
      default:
        return null
    }
  }

  get autoReboot(): boolean {
    return this.#key.dword('AutoReboot') !== 0
  }

  get overwrite(): boolean {
    return this.#key.dword('Overwrite') !== 0
  }

  get alwaysKeepMemoryDump(): boolean {
    return this.#key.dword('AlwaysKeepMemoryDump') === 1
  }

  /** `C:\Windows\MEMORY.DMP` */
  get dumpFile(): string {
    return expand(this.#key.text('DumpFile') ?? '%SystemRoot%\\MEMORY.DMP')
  }

  /** `C:\Windows\Minidump` */
  get minidumpDir(): string {
    return expand(this.#key.text('MinidumpDir') ?? '%SystemRoot%\\Minidump')
  }

  /** How many minidumps stay; a new one replaces the oldest. */
  get minidumpsCount(): number {
    return this.#key.dword('MinidumpsCount') ?? DEFAULT_MINIDUMPS_COUNT
  }

  /** A row of PagingFiles holds path, least and greatest size in MB; sizes between go beside it, in bytes. */
  setPagingFile(byteLength: number): void {
    const megabytes = String(Math.floor(byteLength / (1024 * 1024)))
    this.#memory.set('PagingFiles', {
      type: 'REG_MULTI_SZ',
      data: [`${PAGE_FILE} ${megabytes} ${megabytes}`],
    })
    this.#memory.set(EXACT_PAGING_FILE_SIZE, { type: 'REG_SZ', data: String(byteLength) })
  }

  /** Page files that the next start creates. */
  get pagingFiles(): readonly { path: string; byteLength: number }[] {
    const text = this.#memory.text(EXACT_PAGING_FILE_SIZE) ?? '0'
    const exact = Number(text)
    if (!Number.isSafeInteger(exact) || exact < 0) {
      throw new WindowsError(
        'REGISTRY_TYPE',
        `${EXACT_PAGING_FILE_SIZE} is ${text}, expected a number of bytes`,
      )
    }
    return this.#memory.texts('PagingFiles').map((row) => ({ path: row.split(' ')[0]!, byteLength: exact }))
  }

  /** Removes what setPagingFile wrote. */
  clearPagingFiles(): void {
    this.#memory.delete('PagingFiles')
    this.#memory.delete(EXACT_PAGING_FILE_SIZE)
  }

  /** Page files of the running system, as native paths: what smss looks at after a restart. */
  get existingPageFiles(): readonly string[] {
    return this.#memory.texts('ExistingPageFiles').map((path) => path.replace(/^\\\?\?\\/, ''))
  }

  set existingPageFiles(paths: readonly string[]) {
    this.#memory.set('ExistingPageFiles', {
      type: 'REG_MULTI_SZ',
      data: paths.map((path) => `\\??\\${path}`),
    })
  }

  get machineCrash(): MachineCrash | null {
    const key = this.#key.subkey(MACHINE_CRASH)
    const dumpFile = key?.text('DumpFile') ?? null
    if (key === null || dumpFile === null) return null
    return { dumpFile, tempDestination: key.dword('TempDestination') ?? 0 }
  }

  /** smss makes the key; it is volatile. */
  createMachineCrash(dumpFile: string): void {
    const key = this.#key.createSubkey(MACHINE_CRASH, true)
    key.set('DumpFile', { type: 'REG_SZ', data: dumpFile })
    key.set('TempDestination', { type: 'REG_DWORD', data: TEMP_DESTINATION })
  }

  get #key(): RegistryKey {
    return this.#registry.create(CRASH_CONTROL)
  }

  get #memory(): RegistryKey {
    return this.#registry.create(MEMORY_MANAGEMENT)
  }
}

const expand = (path: string): string => path.replace(/%SystemRoot%/i, SYSTEM_ROOT)

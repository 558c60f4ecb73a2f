// What the banner and vertarget say of the system that crashed. Layout: learn.microsoft.com, "vertarget (Show Target
// Computer Version)" and "Opening a crash dump file using KD".
import { hex64 } from '@dumpstack/bytes'
import { PAGE_FILL_64 } from '@dumpstack/dumpfile'
import { MAX_PROCESSORS, machineName } from '@dumpstack/nt'
import type { Write } from './command.ts'
import type { Session } from './session.ts'

const PRODUCTS: Readonly<Record<number, string>> = { 1: 'WinNt', 2: 'LanManNt', 3: 'Server' }

/** SuiteMask bits (winnt.h, VER_SUITE_*), as debuggers name them. */
const SUITES: ReadonlyArray<readonly [bit: number, name: string]> = [
  [0x0001, 'SmallBusiness'],
  [0x0002, 'Enterprise'],
  [0x0004, 'BackOffice'],
  [0x0008, 'CommunicationServer'],
  [0x0010, 'TerminalServer'],
  [0x0020, 'SmallBusinessRestricted'],
  [0x0040, 'EmbeddedNT'],
  [0x0080, 'DataCenter'],
  [0x0100, 'SingleUserTS'],
  [0x0200, 'Personal'],
  [0x0400, 'Blade'],
]
const FIRST_WINDOWS_11 = 22000
const MAX_BUILD_LAB = 256

export type TargetFact = {
  readonly kind: 'target'
  readonly windows: string
  readonly build: number
  /** More than there can be is the fill of a header, or a lie. */
  readonly processorCount: number
  readonly isCheckedBuild: boolean
  readonly machine: string
  /** Null where it is not set. */
  readonly product: string | null
  readonly suites: readonly string[]
  /** Null where the target does not hold it. */
  readonly builtBy: string | null
  /** Null where the target names no kernel. */
  readonly kernelBase: bigint | null
  readonly moduleList: bigint
  /** FILETIME: 100 ns since 1601. */
  readonly time: bigint
  /** In 100 ns. */
  readonly upTime: bigint
}

export function targetFact({ system, kdbg, memory, modules }: Session): TargetFact {
  const { productType, suiteMask } = system
  const lab = kdbg === null ? null : memory.cString(kdbg.ntBuildLab, MAX_BUILD_LAB)
  return {
    kind: 'target',
    windows: windowsName(system.build),
    build: system.build,
    processorCount: system.processorCount,
    isCheckedBuild: system.isCheckedBuild,
    machine: machineName(system.machine) ?? `machine ${system.machine.toString(16)}`,
    product: productType === null ? null : (PRODUCTS[productType] ?? `<${productType}>`),
    suites: SUITES.filter(([bit]) => ((suiteMask ?? 0) & bit) !== 0).map(([, name]) => name),
    builtBy: lab || null,
    kernelBase: modules.all[0]?.base ?? null,
    moduleList: system.psLoadedModuleList,
    time: system.systemTime,
    upTime: system.systemUpTime,
  }
}

export function printTarget(fact: TargetFact, write: Write): void {
  const count = fact.processorCount
  const processors =
    count > MAX_PROCESSORS ? 'unknown number of processors' : count > 1 ? `MP (${count} procs)` : 'UP'
  const build = fact.isCheckedBuild ? 'Checked' : 'Free'
  write(`${fact.windows} Kernel Version ${fact.build} ${processors} ${build} ${fact.machine}`)
  if (fact.product !== null) {
    write(`Product: ${fact.product}${fact.suites.length > 0 ? `, suite: ${fact.suites.join(' ')}` : ''}`)
  }
  if (fact.builtBy !== null) write(`Built by: ${fact.builtBy}`)
  if (fact.kernelBase !== null) {
    write(`Kernel base = 0x${hex64(fact.kernelBase)} PsLoadedModuleList = 0x${hex64(fact.moduleList)}`)
  }
  write(`Debug session time: ${sessionTime(fact.time)}`)
  write(`System Uptime: ${duration(fact.upTime)}`)
}

function windowsName(build: number): string {
  if (build >= FIRST_WINDOWS_11) return 'Windows 11'
  if (build >= 10240) return 'Windows 10'
  if (build >= 9600) return 'Windows 8.1'
  if (build >= 9200) return 'Windows 8'
  if (build >= 7600) return 'Windows 7'
  return 'Windows'
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** Between 1601 and 1970, in 100 ns. */
const FILETIME_TO_UNIX = 116444736000000000n
const LAST_DATE_MS = 8.64e15

/** `Mon Aug  2 19:20:21.123 2021 (UTC + 0:00)` */
function sessionTime(fileTime: bigint): string {
  if (fileTime === PAGE_FILL_64) return 'not set'
  const ms = Number((fileTime - FILETIME_TO_UNIX) / 10_000n) // within what a Date holds, tested below
  if (!(Math.abs(ms) <= LAST_DATE_MS)) return `0x${fileTime.toString(16)} is no time`
  const date = new Date(ms)
  const fraction = String(date.getUTCMilliseconds()).padStart(3, '0')
  return `${dayAndTime(date)}.${fraction} ${date.getUTCFullYear()} (UTC + 0:00)`
}

/** `Mon Aug  2 19:20:21 2021`, of seconds since 1970. */
export function unixDate(seconds: number): string {
  const date = new Date(seconds * 1000)
  return `${dayAndTime(date)} ${date.getUTCFullYear()}`
}

function dayAndTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  const day = String(date.getUTCDate()).padStart(2)
  return `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${day} ${clock}`
}

/** `0 days 1:02:03.004` */
function duration(ticks: bigint): string {
  if (ticks === PAGE_FILL_64) return 'not set'
  const ms = ticks / 10_000n
  const two = (value: bigint) => String(value).padStart(2, '0')
  const seconds = ms / 1000n
  return `${seconds / 86400n} days ${(seconds / 3600n) % 24n}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}.${String(ms % 1000n).padStart(3, '0')}`
}

// Who holds a run folder: one line of JSON after a beat of fixed width, which the holder counts up. The line also says in which
// system the process is, so that one of the same system can see at once that it has ended. A lock may come from anywhere: what
// does not fit is damaged, and a token becomes part of a file name only as 32 hexadecimal digits.
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { isSystemError } from '@dumpstack/bytes/node'

export const BEAT_DIGITS = 12

export interface LockHolder {
  /** Random: no two holders have the same. */
  readonly token: string
  /** For the message alone: two hosts may have one name. */
  readonly host: string
  readonly pid: number
  /** Where process ids mean the same as for the holder: the boot and the PID namespace, or the computer; '' where that is unknown. */
  readonly system: string
  /** When the process began, so that a later one with its id is told apart; '' where the system does not say. */
  readonly began: string
}

export function thisProcess(token: string): LockHolder {
  const system = systemOfThisProcess()
  const began = system === '' ? '' : (beginningOf(process.pid) ?? '')
  return { token, host: hostname(), pid: process.pid, system, began }
}

export const lockText = (holder: LockHolder): string => `${beatText(0)} ${JSON.stringify(holder)}\n`

/** Written over the first bytes of the lock. */
const beatText = (beat: number): string => String(beat).padStart(BEAT_DIGITS, '0')

const LOCK = new RegExp(`^\\d{${BEAT_DIGITS}} (\\{.*\\})\\n$`)

/** Null for bytes that are no lock, or not a whole one. */
export function holderOf(text: string): LockHolder | null {
  const json = LOCK.exec(text)?.[1]
  if (json === undefined) return null
  try {
    const { token, host, pid, system, began }: Readonly<Record<string, unknown>> = JSON.parse(json)
    if (typeof token !== 'string' || !/^[0-9a-f]{32}$/.test(token)) return null
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null
    if (typeof host !== 'string' || typeof system !== 'string' || typeof began !== 'string') return null
    return { token, host, pid, system, began }
  } catch {
    return null
  }
}

/** True where the holder is known to have ended; false also for one of another system, of which nothing is known. */
export function hasEnded({ pid, system, began }: LockHolder): boolean {
  return system !== '' && system === systemOfThisProcess() && beginningOf(pid) !== began
}

function systemOfThisProcess(): string {
  return process.platform === 'linux' ? linuxNamespace() : computer()
}

/** '' without /proc, or where it shows another PID namespace than that of this process. */
function linuxNamespace(): string {
  try {
    if (readlinkSync('/proc/self') !== String(process.pid)) return ''
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch (error) {
    if (isSystemError(error)) return ''
    throw error
  }
}

/** Windows and macOS have one space of process ids a computer, which its name and network addresses tell from others. */
function computer(): string {
  const addresses = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .map(({ mac }) => mac)
    .filter((mac) => mac !== '00:00:00:00:00:00')
  if (addresses.length === 0) return ''
  const names = [hostname(), ...new Set(addresses.sort())]
  return createHash('sha256').update(names.join('\n')).digest('hex')
}

/** Null where the process has ended. */
function beginningOf(pid: number): string | null {
  return process.platform === 'linux' ? linuxStartTime(pid) : isThere(pid) ? '' : null
}

/** Field 22 of proc_pid_stat(5): ticks since the boot. A zombie has ended. */
function linuxStartTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' || state === 'X' ? null : (fields[18] ?? null)
  } catch (error) {
    if (isSystemError(error)) return null
    throw error
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !isSystemError(error) || error.code !== 'ESRCH'
  }
}

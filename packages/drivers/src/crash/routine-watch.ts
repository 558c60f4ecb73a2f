// How long a routine of the dump miniport may take. With one processor and no watchdog a routine that does not return stops the
// machine (DM-26), so every port call takes time, and port calls and register accesses are counted. A loop that does neither
// ends with the processor's budget where a driver file runs; in a TypeScript miniport it is beyond our reach.
import { CALL_BUDGET } from '@dumpstack/cpu'
import type { Machine } from '@dumpstack/machine'

const ENTRY_POINTS = [
  'DriverEntry',
  'HwFindAdapter',
  'HwInitialize',
  'HwBuildIo',
  'HwStartIo',
  'HwInterrupt',
  'HwResetBus',
] as const
/** The entry point that is running, by the kit's name. */
export type EntryPoint = (typeof ENTRY_POINTS)[number]
/** Whether it runs before the first request. */
export const isStart = (entryPoint: EntryPoint): boolean =>
  entryPoint === 'DriverEntry' || entryPoint === 'HwFindAdapter' || entryPoint === 'HwInitialize'
export const isEntryPoint = (call: string): call is EntryPoint => ENTRY_POINTS.some((name) => name === call)

const ROUTINE_SECONDS = CALL_BUDGET.stallNs / 1e9
// Our choice: some seconds of the host's time, and far more than a driver needs that waits by stalls.
const ROUTINE_STEPS = 4_000_000
const CALL_MICROSECONDS = 0.1
/** Where time stands still, asking so often is waiting for it. */
const TIME_QUERIES = 100_000
/** A loop that asks for the time at least every so many steps waits for it. */
const STEPS_PER_TIME_QUERY = 4

/** A wait that is over ends where it looks at its register again, if that comes soon: there it shows what it waits for. */
const GRACE_STEPS = 64

/** What was exceeded: `steps` or `seconds`, in words; `waitsForTime` when the routine mostly asked what time it is. */
export type OnHang = (limit: string, waitsForTime: boolean) => never

export class RoutineWatch {
  registerWrites = 0
  /** The register that the routine read last, by its address, and what it held; -1 before the first. */
  lastReadAt = -1
  lastReadValue = 0
  readonly #machine: Machine
  readonly #onHang: OnHang
  #entryPoint: EntryPoint = 'DriverEntry'
  #deadlineNs = Number.POSITIVE_INFINITY
  #steps = 0
  #timeQueries = 0
  #graceSteps = 0

  constructor(machine: Machine, onHang: OnHang) {
    this.#machine = machine
    this.#onHang = onHang
  }

  get entryPoint(): EntryPoint {
    return this.#entryPoint
  }

  enter(entryPoint: EntryPoint): void {
    this.#entryPoint = entryPoint
    this.#deadlineNs = this.#machine.nowNs + ROUTINE_SECONDS * 1e9
    this.#steps = 0
    this.#timeQueries = 0
    this.#graceSteps = GRACE_STEPS
    this.lastReadAt = -1
  }

  leave(): void {
    this.#deadlineNs = Number.POSITIVE_INFINITY
    this.#steps = 0
  }

  onRead(address: number, value: number): void {
    this.lastReadAt = address
    this.lastReadValue = value
    this.#check(true)
  }

  onWrite(): void {
    this.registerWrites++
    this.#check()
  }

  onCall(): void {
    this.#machine.stall(CALL_MICROSECONDS)
    this.#check()
  }

  onStall(microseconds: number): void {
    this.#machine.stall(microseconds)
    this.#check()
  }

  onTimeQuery(): void {
    this.#timeQueries++
    this.onCall()
  }

  #check(isRead = false): void {
    const steps = ++this.#steps
    const isLate = this.#machine.nowNs > this.#deadlineNs
    const waits = this.#timeQueries > TIME_QUERIES
    if (!isLate && !waits && steps <= ROUTINE_STEPS) return
    if (isLate && !waits && !isRead && this.lastReadAt >= 0 && this.#graceSteps-- > 0) return
    const limit = isLate
      ? `within ${ROUTINE_SECONDS} s of the machine's time`
      : waits
        ? `within ${TIME_QUERIES} queries of the time`
        : `within ${ROUTINE_STEPS} port calls and register accesses`
    this.#onHang(limit, this.#timeQueries * STEPS_PER_TIME_QUERY >= steps)
  }
}

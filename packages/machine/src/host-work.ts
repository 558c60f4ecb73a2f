// What controllers make the host do, in instructions of guest code (cpu/meter.ts): a driver may hand them anything, 256 requests of 2 GiB
// each included. And the host's wish to end, which no signal can tell while it works.
import { hex, Interrupted } from '@dumpstack/bytes'
import { MachineError } from './errors.ts'

/** Of the host, measured: a command 5 us, a segment 0.1 us, and 1.3 GB/s. */
const COMMAND_WORK = 200
const SEGMENT_WORK = 4
const BYTES_PER_WORK = 32
/** Of one wait: data of 3 GiB, some seconds. No system of ours has a hundredth of it in flight. */
const MAX_WORK = 100_000_000

export class HostWork {
  /** Since the machine was made. */
  done = 0
  #limit = MAX_WORK
  readonly #stopFlag: Int32Array | null

  constructor(stopFlag: Int32Array | undefined) {
    this.#stopFlag = stopFlag ?? null
  }

  /** A controller took a command that names so many segments. */
  command(segmentCount: number): void {
    this.done += COMMAND_WORK + segmentCount * SEGMENT_WORK
  }

  move(byteLength: number): void {
    this.done += Math.ceil(byteLength / BYTES_PER_WORK)
  }

  checkStop(): void {
    if (this.#stopFlag !== null && this.#stopFlag[0] !== 0) throw new Interrupted()
  }

  /** Time is about to pass. */
  begin(): void {
    this.checkStop()
    this.#limit = this.done + MAX_WORK
  }

  /** After each thing that devices did in it. */
  check(): void {
    this.checkStop()
    if (this.done <= this.#limit) return
    const bytes = hex(MAX_WORK * BYTES_PER_WORK)
    throw new MachineError(
      'DEVICE_WORK',
      `controllers moved more data in one wait than any driver asks for, expected less than ${bytes} bytes`,
    )
  }
}

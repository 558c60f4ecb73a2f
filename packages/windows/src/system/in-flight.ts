// What the disk is busy with when the system crashes. Some writes have completed; the commands after them, NCQ writes of new
// bytes to other sectors and reads into memory of the kernel, are in the controller, and the dump stack must end them.
import { equalBytes, type Gpa } from '@dumpstack/bytes'
import { type DmaLog, Owner } from '@dumpstack/machine'
import type { InFlightCommands } from '@dumpstack/target'
import type { WindowsSystem } from './windows-system.ts'

const COMMAND_BYTES = 64 * 1024
const WRITES = 6
const READS = 2
const WRITTEN_BEFORE = 0xa5
/**
 * What each of them takes longer, as on a disk whose cache is full: a driver that reads its way to the device before it resets it
 * breaks no rule, and one that never resets it is caught by what ends in the middle of the dump.
 */
const BUSY_NS = 5_000_000

export class InFlight {
  readonly #system: WindowsSystem
  /** Disk offset of the sectors that hold WRITTEN_BEFORE: what the reads ask for. */
  readonly #settled: number
  /** Disk offset of the sectors that the writes in flight are meant for. */
  readonly #target: number
  readonly #before = new Uint8Array(WRITES * COMMAND_BYTES)

  /** Lets writes complete, then queues commands and returns while they move; all to disk space that no file occupies. */
  constructor(system: WindowsSystem) {
    this.#system = system
    const { running, volume, disk } = system
    // a resumed boot session still reads the dump of the last crash: not even its old clusters may change
    this.#settled = volume.findFreeDiskOffset(2 * WRITES * COMMAND_BYTES, running.foundDump)
    this.#target = this.#settled + WRITES * COMMAND_BYTES
    const settled = this.#buffer(WRITTEN_BEFORE)
    for (let i = 0; i < WRITES; i++) {
      running.runtime.write(this.#settled + i * COMMAND_BYTES, settled, COMMAND_BYTES)
    }
    running.runtime.drain()

    // what an earlier crash left there must neither hide a write that leaks nor show one
    disk.image.write(this.#target, [this.#before])
    // a controller that the dump stack does not reset would end them: RAM would no longer be what crashed
    const isReset = system.dumpController === system.controllerUnderTest
    const controller = system.controllerUnderTest
    system.machine.faults.add(
      isReset
        ? { kind: 'latency', controller, nanoseconds: BUSY_NS, count: WRITES + READS }
        : { kind: 'hang', controller, afterWrites: 0, count: 1 },
    )
    const inverse = this.#buffer(0xff)
    for (let i = 0; i < WRITES; i++) {
      running.runtime.write(this.#target + i * COMMAND_BYTES, inverse, COMMAND_BYTES)
    }
    const into = this.#buffer(~WRITTEN_BEFORE & 0xff)
    const reads = isReset ? READS : 0
    for (let i = 0; i < reads; i++) {
      running.runtime.read(this.#settled + i * COMMAND_BYTES, into, COMMAND_BYTES)
    }
  }

  /** After the dump. `commands` were in the controller at the freeze, where `log` begins. */
  report(commands: number, log: DmaLog): InFlightCommands {
    const completed = new Set<number>()
    for (let i = 0; i < log.length; i++) {
      const { diskOffset } = log.at(i)
      const isOurs = diskOffset >= this.#settled && diskOffset < this.#target + this.#before.byteLength
      if (isOurs) completed.add(diskOffset)
    }
    const now = new Uint8Array(COMMAND_BYTES)
    const leaked: number[] = []
    for (let i = 0; i < WRITES; i++) {
      const from = i * COMMAND_BYTES
      if (completed.has(this.#target + from)) continue
      this.#system.disk.image.read(this.#target + from, now)
      if (!equalBytes(now, this.#before.subarray(from, from + COMMAND_BYTES))) {
        leaked.push(this.#target + from)
      }
    }
    return { commands, completed: completed.size, leaked }
  }

  #buffer(byte: number): Gpa {
    const { machine, running } = this.#system
    const { gpa } = running.kernel.allocate(COMMAND_BYTES, { owner: Owner.kernel })
    machine.ram.write(gpa, new Uint8Array(COMMAND_BYTES).fill(byte))
    return gpa
  }
}

// What the controller moved since the dump instance is ready, against what the dump port asked for. A transfer that the dump port
// did not ask for is a command of the dead instance that a reset should have ended (DM-29); a write from the right memory to the
// wrong place is the miniport's own (stray-write).
import { type Gpa, gpaToPfn, hex } from '@dumpstack/bytes'
import { type DmaRecord, type Machine, Owner } from '@dumpstack/machine'
import type { GuestScatterGatherList } from '../scatter-gather.ts'

export interface DmaJudge {
  /** A command of the dead instance moved data. */
  onLeftOver(message: string): void
  /** The data of a request went to another place than it names. */
  onStray(message: string): void
}

export class DmaAudit {
  readonly #machine: Machine
  readonly #device: string
  readonly #judgement: DmaJudge
  #next = Number.POSITIVE_INFINITY
  #diskOffset = 0
  #byteLength = 0
  /** Bytes of the current request that the controller has moved. */
  #moved = 0
  #hasEndedEarly = false
  #list: GuestScatterGatherList | null = null

  /** `device`: ControllerOptions.name. */
  constructor(machine: Machine, device: string, judgement: DmaJudge) {
    this.#machine = machine
    this.#device = device
    this.#judgement = judgement
  }

  /** HwInitialize has returned: all transfers from here on are judged. */
  begin(): void {
    this.#next = this.#machine.evidence.dmaLog.length
  }

  /** The port sends a write of `list` to the disk; until `settle` that is asked for. */
  ask(diskOffset: number, byteLength: number, list: GuestScatterGatherList): void {
    this.settle()
    this.#diskOffset = diskOffset
    this.#byteLength = byteLength
    this.#moved = 0
    this.#list = list
  }

  /** Judges what moved since the last time; nothing is asked for any more. */
  settle(): void {
    this.#judgeNew()
    this.#byteLength = 0
    this.#list = null
  }

  /** Whether what is asked for has reached the disk. */
  hasMoved(): boolean {
    this.#judgeNew()
    return this.#moved >= this.#byteLength
  }

  /** The driver said so before it was true: data that moves late, and from memory that it uses again, has that cause. */
  endedEarly(): void {
    this.#hasEndedEarly = true
  }

  #judgeNew(): void {
    const { dmaLog } = this.#machine.evidence
    while (this.#next < dmaLog.length) this.#judge(dmaLog.at(this.#next++))
  }

  #judge(record: DmaRecord): void {
    const { device, direction, diskOffset, byteLength, gpa } = record
    if (device !== this.#device) return
    const end = this.#diskOffset + this.#byteLength
    if (direction === 'toDisk' && diskOffset >= this.#diskOffset && diskOffset + byteLength <= end) {
      this.#moved += byteLength
      return
    }
    if (this.#hasEndedEarly) return
    const isOurs = this.#machine.ram.owner(gpaToPfn(gpa)) === Owner.dumpPath
    // The dump path reads nothing from the disk but into its own memory.
    if (direction === 'fromDisk' && isOurs) return
    const isStray = direction === 'toDisk' && this.#byteLength > 0 && (isOurs || this.#isListed(gpa))
    const memory = `physical address ${hex(gpa)}`
    const disk = `disk offset ${hex(diskOffset)}`
    const what = direction === 'toDisk' ? `from ${memory} went to ${disk}` : `from ${disk} went to ${memory}`
    const moved = `${hex(byteLength)} bytes ${what}`
    if (isStray)
      this.#judgement.onStray(`${moved}: the SRB asked for ${hex(this.#diskOffset)} to ${hex(end)}`)
    else this.#judgement.onLeftOver(`${moved}: a command of the dead instance that was not reset`)
  }

  #isListed(address: Gpa): boolean {
    const list = this.#list
    if (list === null) return false
    for (let i = 0; i < list.numberOfElements; i++) {
      const first = list.physicalAddress(i)
      if (address >= first && address < first + list.length(i)) return true
    }
    return false
  }
}

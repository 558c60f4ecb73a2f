// What the controller moved since the dump instance is ready, against what the dump port asked for. A transfer that nobody here
// asked for is a command of the dead instance that a reset should have ended (DM-29); a write from the right memory to the
// wrong place is the miniport's own (stray-write).
import { type Gpa, gpaToPfn, hex } from '@dumpstack/bytes'
import { type DmaRecord, type Machine, Owner } from '@dumpstack/machine'
import type { DumpModeRuleId } from '@dumpstack/nt'
import type { GuestScatterGatherList } from '../scatter-gather.ts'

// Our choice: enough to see the pattern; what follows is counted.
const NAMED_TRANSFERS = 16

const RULES = ['DM-29', 'stray-write'] as const satisfies readonly DumpModeRuleId[]
type Rule = (typeof RULES)[number]
/** Where the driver went wrong. */
const CALLS: Record<Rule, string> = { 'DM-29': 'HwInitialize', 'stray-write': 'HwStartIo' }

export type OnTransfer = (rule: DumpModeRuleId, call: string, message: string) => void

export class DmaAudit {
  readonly #machine: Machine
  readonly #device: string
  readonly #onTransfer: OnTransfer
  #next = Number.POSITIVE_INFINITY
  #diskOffset = 0
  #byteLength = 0
  #list: GuestScatterGatherList | null = null
  readonly #found: Record<Rule, number> = { 'DM-29': 0, 'stray-write': 0 }

  /** `device`: ControllerOptions.name. */
  constructor(machine: Machine, device: string, onTransfer: OnTransfer) {
    this.#machine = machine
    this.#device = device
    this.#onTransfer = onTransfer
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
    this.#list = list
  }

  /** Judges what moved since the last time; nothing is asked for any more. */
  settle(): void {
    const { dmaLog } = this.#machine.evidence
    while (this.#next < dmaLog.length) this.#judge(dmaLog.at(this.#next++))
    this.#byteLength = 0
    this.#list = null
  }

  /** The dump has ended, well or not. */
  end(): void {
    this.settle()
    for (const rule of RULES) {
      const rest = this.#found[rule] - NAMED_TRANSFERS
      if (rest > 0) this.#onTransfer(rule, CALLS[rule], `and ${rest} transfers more`)
    }
  }

  #judge(record: DmaRecord): void {
    const { device, direction, diskOffset, byteLength, gpa } = record
    if (device !== this.#device) return
    const end = this.#diskOffset + this.#byteLength
    if (direction === 'toDisk' && diskOffset >= this.#diskOffset && diskOffset + byteLength <= end) return
    const isOurs = this.#machine.ram.owner(gpaToPfn(gpa)) === Owner.dumpPath
    // The dump path reads nothing from the disk but into its own memory.
    if (direction === 'fromDisk' && isOurs) return
    const isStray = direction === 'toDisk' && this.#byteLength > 0 && (isOurs || this.#isListed(gpa))
    const rule = isStray ? 'stray-write' : 'DM-29'
    if (this.#found[rule]++ >= NAMED_TRANSFERS) return
    const memory = `physical address ${hex(gpa)}`
    const disk = `disk offset ${hex(diskOffset)}`
    const what = direction === 'toDisk' ? `from ${memory} went to ${disk}` : `from ${disk} went to ${memory}`
    const cause = isStray
      ? `the SRB asked for ${hex(this.#diskOffset)} to ${hex(end)}`
      : 'a command of the dead instance that was not reset'
    this.#onTransfer(rule, CALLS[rule], `${hex(byteLength)} bytes ${what}: ${cause}`)
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

// Whether code that took too long would ever end. A loop that repeats a register access with the same registers of the processor, the
// same stack and device extension, and reads the same value, never ends unless its device changes; a loop that counts may.
import { gva } from '@dumpstack/bytes'
import { type Cpu, type DeviceAccess, Gpr } from '@dumpstack/cpu'

const REGISTERS = Object.values(Gpr)
/** Of the stack from rsp on, and of the device extension: where code keeps its counters, unless in registers. */
const COMPARED_BYTES = 0x1000
/** Accesses that are looked at: a loop reads few registers each time. */
const MAX_ACCESSES = 256

/** Ends the look: the state came again, or it will not be known. */
export class LookEnded extends Error {
  readonly isRepeated: boolean

  constructor(isRepeated: boolean) {
    super()
    this.isRepeated = isRepeated
  }
}

export class RepeatedState {
  readonly #cpu: Cpu
  readonly #deviceExtension: bigint
  readonly #seen = new Set<string>()

  constructor(cpu: Cpu, deviceExtension: bigint | null) {
    this.#cpu = cpu
    this.#deviceExtension = deviceExtension ?? 0n
  }

  /** Throws LookEnded. */
  see({ rip, address, value, direction }: DeviceAccess): void {
    const cpu = this.#cpu
    const registers = REGISTERS.map((register) => cpu.readGpr(register))
    const memory = [this.#hash(cpu.readGpr(Gpr.rsp)), this.#hash(this.#deviceExtension)]
    const state = [rip, direction, address, value, ...registers, ...memory].join()
    if (this.#seen.has(state)) throw new LookEnded(true)
    this.#seen.add(state)
    if (this.#seen.size > MAX_ACCESSES) throw new LookEnded(false)
  }

  /** FNV-1a of 32 bits. */
  #hash(at: bigint): number {
    const bytes = new Uint8Array(COMPARED_BYTES)
    const count = this.#cpu.read(gva(at), bytes)
    let hash = 0x811c9dc5
    for (let i = 0; i < count; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
    return hash
  }
}

// The world that a core is plugged into: its parts keep the socket while worlds come and go.
import { CpuError } from './errors.ts'
import type { CpuBus, CpuRam, CpuWorld } from './world.ts'

export class Socket implements CpuWorld {
  #plugged: CpuWorld | null = null

  plug(world: CpuWorld | null): void {
    this.#plugged = world
  }

  get #world(): CpuWorld {
    if (this.#plugged === null) throw new CpuError('CPU_USE', 'the core is in no world')
    return this.#plugged
  }

  get ram(): CpuRam {
    return this.#world.ram
  }

  get bus(): CpuBus {
    return this.#world.bus
  }

  get seed(): number {
    return this.#world.seed
  }

  get nowNs(): number {
    return this.#world.nowNs
  }

  get deviceWork(): number {
    return this.#world.deviceWork
  }

  elapse(nanoseconds: number): void {
    this.#world.elapse(nanoseconds)
  }

  checkStop(): void {
    this.#world.checkStop()
  }
}

// The place of an event for an observer: one record, filled anew each time.
import { type Gva, gva } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import type { Machine } from '@dumpstack/machine'
import type { LoadedImage } from '../kernel-services.ts'
import type { SysInstance } from './sys-instance.ts'
import type { ObservedPlace } from './sys-observer.ts'

export class PlaceRecord {
  readonly #cpu: Cpu
  readonly #machine: Machine
  #address = gva(0n)
  #image: LoadedImage | null = null
  readonly #place: { -readonly [Field in keyof ObservedPlace]: ObservedPlace[Field] } = {
    life: 'runtime',
    module: '',
    routine: '',
    rva: null,
    irql: 0,
    atNs: 0,
  }

  constructor(cpu: Cpu, machine: Machine) {
    this.#cpu = cpu
    this.#machine = machine
  }

  /** Hot. */
  at({ image, life }: SysInstance, routine: string, address: Gva): ObservedPlace {
    const place = this.#place
    // a driver that polls is at one place
    if (address !== this.#address || image !== this.#image) {
      const rva = Number(address - image.base)
      this.#address = address
      this.#image = image
      place.module = image.baseName
      place.rva = rva >= 0 && rva < image.size ? rva : null
    }
    place.life = life
    place.routine = routine
    place.irql = this.#cpu.cr8
    place.atNs = this.#machine.nowNs
    return place
  }
}

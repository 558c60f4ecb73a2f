// Places in the code of one driver file: its images in the guest's memory, which may be two at a time, and the names that its PDB gives.
import { type Gva, gva, hex } from '@dumpstack/bytes'
import { isInTryExcept } from '@dumpstack/image'
import { type Cpu, Gpr } from '@dumpstack/machine'
import type { LoadedImage } from '../kernel-services.ts'
import type { CallSite } from '../miniport.ts'
import { guestFrames } from './call-stack.ts'
import type { SysFile } from './driver-file.ts'
import { placeIn, type SymbolNames } from './symbol-names.ts'

/** The longest instruction has 15 bytes. */
const SHOWN_BYTES = 16

export class DriverPlaces {
  /** By base. */
  readonly images = new Map<Gva, LoadedImage>()
  readonly #cpu: Cpu
  readonly #file: SysFile
  readonly #names: SymbolNames

  constructor(cpu: Cpu, file: SysFile, names: SymbolNames) {
    this.#cpu = cpu
    this.#file = file
    this.#names = names
  }

  inImage(image: LoadedImage, address: Gva): string {
    return placeIn(image, this.#names, address)
  }

  /** In whatever image of the file; `own` is the one that runs. */
  of(address: Gva, own: LoadedImage): string {
    for (const image of this.images.values()) {
      if (address >= image.base && address < image.base + BigInt(image.size))
        return this.inImage(image, address)
    }
    return `${hex(address)}, outside ${own.baseName}`
  }

  /** Where the code is that stands at `rip`; behind a call that is where it returns to. */
  siteAt(rip: Gva, rsp: bigint, args: readonly string[], isReturn: boolean): CallSite {
    const frames = guestFrames(this.#cpu, this.#file.image, this.images.values(), rip, gva(rsp), isReturn)
    const code = new Uint8Array(SHOWN_BYTES)
    return {
      address: rip,
      bytes: code.subarray(0, this.#cpu.read(rip, code)),
      arguments: args,
      stack: frames.map(({ image, address }) => this.inImage(image, address)),
      irql: this.#cpu.cr8,
    }
  }

  /** The innermost routine on the stack with a handler of its own around what it does; behind a call the guarded instruction is the call. */
  handlerPlace(rip: Gva): string | null {
    const { image } = this.#file
    const rsp = gva(this.#cpu.readGpr(Gpr.rsp))
    const frames = guestFrames(this.#cpu, image, this.images.values(), rip, rsp, false)
    const guarded = frames.find((frame, index) =>
      isInTryExcept(image, Number(frame.address - frame.image.base) - (index === 0 ? 0 : 1)),
    )
    return guarded === undefined ? null : this.inImage(guarded.image, guarded.address)
  }
}

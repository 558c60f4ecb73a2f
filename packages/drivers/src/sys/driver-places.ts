// Places in the code of one driver file: its images in the guest's memory, which may be two at a time, and the names that its PDB gives.
import { type Gva, gva, hex } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import type { SourcePlace } from '@dumpstack/nt'
import type { LoadedImage } from '../kernel-services.ts'
import type { CallSite } from '../miniport.ts'
import { type GuestFrame, guestFrames } from './call-stack.ts'
import type { SysFile } from './driver-file.ts'
import { placeIn, type SymbolNames, sourceText } from './symbol-names.ts'

/** The longest instruction has 15 bytes. */
const SHOWN_BYTES = 16

export class DriverPlaces {
  readonly #cpu: Cpu
  readonly #file: SysFile
  readonly #names: SymbolNames
  readonly #images: () => readonly LoadedImage[]

  /** `images` are those that are loaded now. */
  constructor(cpu: Cpu, file: SysFile, names: SymbolNames, images: () => readonly LoadedImage[]) {
    this.#cpu = cpu
    this.#file = file
    this.#names = names
    this.#images = images
  }

  inImage(image: LoadedImage, address: Gva): string {
    return placeIn(image, this.#names, address)
  }

  /** In whatever image of the file; `own` is the one that runs. */
  of(address: Gva, own: LoadedImage): string {
    for (const image of this.#images()) {
      if (address >= image.base && address < image.base + BigInt(image.size))
        return this.inImage(image, address)
    }
    return `${hex(address)}, outside ${own.baseName}`
  }

  /** The place of the code at `rip`; with `isReturn`, of the call that returns there. */
  siteAt(rip: Gva, rsp: bigint, args: readonly string[], isReturn: boolean): CallSite {
    const frames = guestFrames(this.#cpu, this.#file.image, this.#images(), rip, gva(rsp), isReturn)
    return this.#site(frames, rip, args, isReturn, this.#cpu.cr8)
  }

  /** Of a call that returned there, whose frames are gone. */
  ofCall(image: LoadedImage, address: Gva, irql: number): CallSite {
    return this.#site([{ image, address }], address, [], true, irql)
  }

  /** Where a routine begins that does not run. */
  startOf(image: LoadedImage, address: Gva): CallSite {
    return this.#site([{ image, address }], address, [], false, null)
  }

  #site(
    frames: readonly GuestFrame[],
    address: Gva,
    args: readonly string[],
    isReturn: boolean,
    irql: number | null,
  ): CallSite {
    const code = new Uint8Array(SHOWN_BYTES)
    // the line of what returns there is that of the call
    const sources = frames.map((frame, index) => this.#lineOf(frame, isReturn || index > 0 ? 1 : 0))
    return {
      address,
      bytes: code.subarray(0, this.#cpu.read(address, code)),
      arguments: args,
      stack: frames.map((frame, index) => {
        const source = sources[index]
        const place = this.inImage(frame.image, frame.address)
        return source ? `${place} [${sourceText(source)}]` : place
      }),
      source: sources[0] ?? null,
      irql,
    }
  }

  #lineOf({ image, address }: GuestFrame, back: number): SourcePlace | null {
    return this.#names.lineAt?.(Number(address - image.base) - back) ?? null
  }
}

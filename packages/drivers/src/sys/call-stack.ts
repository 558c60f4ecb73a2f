// Who called whom: the stack of running guest code, unwound by the image's own unwind codes from a place after a call.
// Microsoft "x64 exception handling". What has no unwind codes is a leaf: its return address is on top.
import { type Gva, gva } from '@dumpstack/bytes'
import { type Cpu, Gpr } from '@dumpstack/cpu'
import { type FrameLayout, frameLayout, type PeImage } from '@dumpstack/image'
import type { LoadedImage } from '../kernel-services.ts'

const MAX_FRAMES = 32
const REGISTERS = 16

export interface GuestFrame {
  readonly image: LoadedImage
  readonly address: Gva
}

/**
 * `rip` and `rsp` of the innermost function; `isReturn`: `rip` is the return address of a call. Ends at the
 * first address outside `loaded`.
 */
export function guestFrames(
  cpu: Cpu,
  pe: PeImage,
  loaded: readonly LoadedImage[],
  rip: Gva,
  rsp: Gva,
  isReturn: boolean,
): GuestFrame[] {
  const frames: GuestFrame[] = []
  const registers = Array.from({ length: REGISTERS }, (_, index) => cpu.readGpr(index as Gpr)) // 0 to 15 are all there are
  registers[Gpr.rsp] = rsp
  let address = rip
  while (frames.length < MAX_FRAMES) {
    const image = loaded.find(({ base, size }) => address >= base && address < base + BigInt(size))
    if (image === undefined) break
    frames.push({ image, address })
    // Another function may begin after a call that never returns.
    const isBehindCall = isReturn || frames.length > 1
    const layout = layoutAt(pe, Number(address - image.base) - (isBehindCall ? 1 : 0))
    if (layout === null || layout.hasMachineFrame) break
    const { framePointer } = layout
    const top =
      framePointer === null
        ? registers[Gpr.rsp]!
        : registers[framePointer.register]! - BigInt(framePointer.offset)
    const returnAt = top + BigInt(layout.returnOffset)
    const next = wordAt(cpu, returnAt)
    if (next === null) break
    for (const { register, offset } of layout.saved) {
      registers[register] = wordAt(cpu, top + BigInt(offset)) ?? registers[register]!
    }
    registers[Gpr.rsp] = returnAt + 8n
    address = gva(next)
  }
  return frames
}

/** Null where the image's unwind information cannot be read. */
function layoutAt(pe: PeImage, rva: number): FrameLayout | null {
  try {
    return frameLayout(pe, rva)
  } catch {
    return null
  }
}

function wordAt(cpu: Cpu, va: bigint): bigint | null {
  const bytes = new Uint8Array(8)
  if (cpu.read(gva(va), bytes) < 8) return null
  return new DataView(bytes.buffer).getBigUint64(0, true)
}

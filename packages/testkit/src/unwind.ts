// A second unwinder for x64, straight from "x64 exception handling" (Microsoft): reads .pdata of the images in guest
// memory and undoes prologs. It knows whole frames only: every rip lies after the prolog of its function or at its start.
import type { GuestMemory } from './guest-memory.ts'

export interface UnwoundFrame {
  readonly rip: bigint
  readonly rsp: bigint
  /** `ntoskrnl.exe+0x1234`; null outside every image. */
  readonly module: string | null
}

export interface UnwindModule {
  readonly name: string
  readonly base: bigint
  readonly size: number
}

const RSP = 4

/** Frames from `rip` outwards, until rip is 0 or in no image. `registers` are the 16 general ones by number. */
export function unwindStack(
  memory: GuestMemory,
  modules: readonly UnwindModule[],
  start: { readonly rip: bigint; readonly registers: readonly bigint[] },
): UnwoundFrame[] {
  const frames: UnwoundFrame[] = []
  const registers = [...start.registers]
  let rip = start.rip
  while (rip !== 0n) {
    const module = modules.find(({ base, size }) => rip >= base && rip < base + BigInt(size))
    frames.push({ rip, rsp: registers[RSP]!, module: module?.name ?? null })
    if (module === undefined) return frames
    if (frames.length > 64) throw new Error('the stack has no end')
    rip = unwindOne(memory, module.base, Number(rip - module.base), registers)
  }
  return frames
}

function unwindOne(memory: GuestMemory, base: bigint, rva: number, registers: bigint[]): bigint {
  const optionalHeader = base + BigInt(memory.u32(base + 0x3cn)) + 24n
  const pdata = base + BigInt(memory.u32(optionalHeader + 112n + 24n))
  const pdataBytes = memory.u32(optionalHeader + 112n + 28n)
  let info: bigint | null = null
  let begin = 0
  for (let at = 0; at < pdataBytes; at += 12) {
    const entry = pdata + BigInt(at)
    if (rva >= memory.u32(entry) && rva < memory.u32(entry + 4n)) {
      begin = memory.u32(entry)
      info = base + BigInt(memory.u32(entry + 8n))
    }
  }
  const pop = (): bigint => {
    const value = memory.u64(registers[RSP]!)
    registers[RSP] = registers[RSP]! + 8n
    return value
  }
  // No entry: a leaf. At its first instruction, a function has done nothing yet either.
  if (info === null || rva === begin) return pop()
  const flags = memory.u8(info) >> 3
  if ((flags & 4) !== 0) throw new Error('chained unwind information is not for this unwinder')
  const count = memory.u8(info + 2n)
  const frame = memory.u8(info + 3n)
  const frameBase = (frame & 15) === 0 ? null : registers[frame & 15]! - BigInt((frame >> 4) * 16)
  const saveBase = frameBase ?? registers[RSP]!
  for (let slot = 0; slot < count; ) {
    const word = (index: number): number => memory.u16(info + 4n + BigInt(index * 2))
    const operation = (word(slot) >> 8) & 15
    const argument = word(slot) >> 12
    switch (operation) {
      case 0:
        registers[argument] = pop()
        slot += 1
        break
      case 1:
        registers[RSP] =
          registers[RSP]! +
          BigInt(argument === 0 ? word(slot + 1) * 8 : word(slot + 1) | (word(slot + 2) << 16))
        slot += argument === 0 ? 2 : 3
        break
      case 2:
        registers[RSP] = registers[RSP]! + BigInt(argument * 8 + 8)
        slot += 1
        break
      case 3:
        registers[RSP] = frameBase!
        slot += 1
        break
      case 4:
        registers[argument] = memory.u64(saveBase + BigInt(word(slot + 1) * 8))
        slot += 2
        break
      case 8:
        slot += 2
        break
      case 10: {
        const machineFrame = registers[RSP]! + (argument === 1 ? 8n : 0n)
        registers[RSP] = memory.u64(machineFrame + 24n)
        return memory.u64(machineFrame)
      }
      default:
        throw new Error(`unwind operation ${operation} is not for this unwinder`)
    }
  }
  return pop()
}

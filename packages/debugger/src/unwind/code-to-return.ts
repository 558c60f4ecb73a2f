// The return address by the code itself, where neither dump nor symbol path holds unwind information: a straight run of
// instructions to a `ret` tells how far rsp moves until then. Minidumps hold the page of the instruction that crashed.
import type { DebugModule } from '../modules.ts'
import type { Registers } from '../registers.ts'
import type { Session } from '../session.ts'

const MAX_INSTRUCTIONS = 32
const MAX_INSTRUCTION_BYTES = 15
const STACK_SLOT = 8n
const RSP = /^(?:rsp|esp|spl?)\b/
/** Whatever leaves the run, or moves rsp in a way that is not followed here. */
const LEAVES = /^(?:j|call|loop|int|sys|iret|push|enter|leave|hlt|ud|xchg|cmpxchg|xadd)/

/** Where on the stack the return address lies; null where the code does not tell. */
export function returnSlot(session: Session, module: DebugModule, { rip, rsp }: Registers): bigint | null {
  const { disassembler } = session
  if (disassembler === null) return null
  let [at, top] = [rip, rsp]
  const bytes = new Uint8Array(MAX_INSTRUCTION_BYTES)
  for (let count = 0; count < MAX_INSTRUCTIONS && session.modules.at(at) === module; count++) {
    const got = module.read(Number(at - module.base), bytes) // inside the module
    const instruction = disassembler.decode(bytes.subarray(0, got), at)
    if (instruction === null) return null
    const { mnemonic, operands } = instruction
    if (mnemonic === 'ret') return operands === '' ? top : null
    if (mnemonic === 'pop') {
      if (RSP.test(operands)) return null
      top += STACK_SLOT
    } else if (mnemonic === 'add' && RSP.test(operands)) {
      const distance = /^rsp,([0-9a-f]+)h?$/i.exec(operands)?.[1]
      if (distance === undefined) return null
      top += BigInt(`0x${distance}`)
    } else if (LEAVES.test(mnemonic) || RSP.test(operands)) return null
    at += BigInt(instruction.byteLength)
  }
  return null
}

// Which arithmetic flags somebody may read after each instruction of a block: those before the next write, and all where
// the block may stop, be left or end, because then the caller or the next block sees them.
import type { DecodedInstruction } from '../decoder.ts'
import { ARITHMETIC } from '../flags.ts'

/** Without a memory operand these cannot stop. */
const CANNOT_STOP = new Set(
  `mov movzx movsx movsxd lea add sub cmp adc sbb inc dec neg and or xor test not cmovcc setcc cbw cwde cdqe cwd cdq cqo
  bswap xchg nop shl sal shr sar rol ror imul mul bt bts btr btc bsf bsr popcnt`.split(/\s+/),
)
/** With a count of 0 these leave the flags. */
const MAY_LEAVE_FLAGS = /^(shl|sal|shr|sar|rol|ror|rcl|rcr|shld|shrd|string .*)$/

export function liveFlagsAfter(block: readonly DecodedInstruction[]): number[] {
  const result: number[] = []
  let live: number = ARITHMETIC
  for (let i = block.length - 1; i >= 0; i--) {
    const decoded = block[i]!
    result[i] = live
    if (mayStop(decoded)) live = ARITHMETIC
    else {
      if (!MAY_LEAVE_FLAGS.test(decoded.mnemonic)) live &= ~decoded.flagsWritten
      live |= decoded.flagsRead
    }
  }
  return result
}

const mayStop = ({ mnemonic, operands }: DecodedInstruction): boolean =>
  !CANNOT_STOP.has(mnemonic) ||
  (mnemonic !== 'lea' && operands.some(({ kind }) => kind === 'memory')) ||
  operands.some(({ kind }) => kind === 'control' || kind === 'debug')

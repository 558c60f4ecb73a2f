// String instructions: string-unit.ts does them. A repetition is a block of its own (blocks.ts) and runs again until it is
// over, so that time passes in between.
import type { Form } from '../emit/emitter.ts'

const REPEATS = { none: 0, rep: 1, repne: 2 } as const

const stringForm =
  (name: string, setsFlags = false): Form =>
  (emit, { operands, repeat }) => {
    if (operands.some(({ kind }) => kind === 'other')) return emit.refuse() // 32-bit addresses, fs and gs
    const size = operands.find(({ kind }) => kind === 'string')!.size
    if (name === 'ins' || name === 'outs') emit.kernelOnly()
    emit.mayStop()
    const call = `strings.${name}(${size},${REPEATS[repeat ?? 'none']})`
    if (repeat === null) emit.line(`${call};`)
    else {
      emit.line(`if(!${call})continue;`)
      emit.end()
    }
    if (setsFlags) emit.flagsInState()
  }

const SIZES = ['b', 'w', 'd', 'q']

const family = (name: string, setsFlags = false): Readonly<Record<string, Form>> =>
  Object.fromEntries(SIZES.map((size) => [`string ${name}${size}`, stringForm(name, setsFlags)]))

export const strings: Readonly<Record<string, Form>> = {
  ...family('movs'),
  ...family('stos'),
  ...family('lods'),
  ...family('scas', true),
  ...family('cmps', true),
  ...family('ins'),
  ...family('outs'),
}

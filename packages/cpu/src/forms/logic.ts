// and, or, xor, test, not.
import type { Form } from '../emit/emitter.ts'

const twoOperands =
  (operator: '&' | '|' | '^', isWritten: boolean): Form =>
  (emit, { operands: [to, from] }) => {
    const isWide = to!.size === 8
    const isCleared =
      operator === '^' &&
      to?.kind === 'register' &&
      from?.kind === 'register' &&
      to.index === from.index &&
      to.high === from.high
    const place = emit.place(to)
    const right = isCleared ? { lo: '0', hi: '0' } : emit.read(from)
    const left = isCleared ? right : place.read()
    const result = isCleared
      ? right
      : {
          lo: emit.name(`${left.lo}${operator}${right.lo}`),
          hi: isWide ? emit.name(`${left.hi}${operator}${right.hi}`) : '0',
        }
    if (isWritten) place.write(result)
    emit.setFlags({ kind: 'logic', isWide, left, right, result })
  }

const not: Form = (emit, { operands: [to] }) => {
  const place = emit.place(to)
  const value = place.read()
  place.write({ lo: emit.name(`~${value.lo}`), hi: to!.size === 8 ? emit.name(`~${value.hi}`) : '0' })
}

export const logic: Readonly<Record<string, Form>> = {
  and: twoOperands('&', true),
  or: twoOperands('|', true),
  xor: twoOperands('^', true),
  test: twoOperands('&', false),
  not,
}

// mul, imul, div, idiv. A product's sign, zero, adjust and parity flags, which vol. 2 leaves undefined, are those of its
// low half as QEMU's translator has them; a division leaves all flags.
import type { Form } from '../emit/emitter.ts'

const RAX = 0
const RDX = 2

/** rdx:rax (or ax) = rax * operand. */
const wideProduct =
  (name: 'unsigned' | 'signed'): Form =>
  (emit, { operands: [from] }) => {
    const size = from!.size
    const right = emit.read(from)
    const left = emit.register(RAX, size)
    const lo = emit.name(`multiply.${name}(${size},${left.lo},${left.hi},${right.lo},${right.hi})`)
    const hi = emit.name('multiply.word(1)')
    if (size === 1) {
      // the product of bytes is 16 bits in ax
      emit.setRegister(RAX, 2, { lo, hi: '0' })
    } else {
      emit.setRegister(RAX, size, { lo, hi })
      emit.setRegister(RDX, size, { lo: emit.name('multiply.word(2)'), hi: emit.name('multiply.word(3)') })
    }
    const overflow = emit.name('multiply.hasOverflowed()')
    const result = { lo: emit.cut(lo, size), hi }
    const isWide = size === 8
    emit.setFlags({ kind: 'result', isWide, left, right, result, carry: overflow, overflow })
  }

/** Two and three operands: the low half only. */
const imul: Form = (emit, decoded) => {
  const { operands } = decoded
  if (operands.length === 1) {
    wideProduct('signed')(emit, decoded)
    return
  }
  const to = operands[0]!
  const isWide = to.size === 8
  const left = emit.read(operands.length === 3 ? operands[1] : to)
  const right = emit.read(operands[operands.length - 1])
  let lo: string
  let hi = '0'
  let overflow: string
  if (isWide) {
    const values = `${left.lo},${left.hi},${right.lo},${right.hi}`
    lo = emit.name(`multiply.low(${values})`)
    hi = emit.name('multiply.word(1)')
    overflow = `multiply.overflows(${values})` // computed only where a later instruction may read it
  } else {
    lo = emit.cut(`Math.imul(${left.lo},${right.lo})`, to.size)
    // a double holds the product well enough to tell it from a cut one
    overflow = emit.name(`${left.lo}*${right.lo}!==${lo}`)
  }
  const result = { lo, hi }
  emit.write(to, result)
  emit.setFlags({ kind: 'result', isWide, left, right, result, carry: overflow, overflow })
}

const quotient =
  (name: 'divide' | 'divideSigned'): Form =>
  (emit, { operands: [by] }) => {
    const size = by!.size
    const divisor = emit.read(by)
    emit.mayStop()
    emit.line(`multiply.${name}(${size},${divisor.lo},${divisor.hi});`)
  }

export const multiplication: Readonly<Record<string, Form>> = {
  mul: wideProduct('unsigned'),
  imul,
  div: quotient('divide'),
  idiv: quotient('divideSigned'),
}

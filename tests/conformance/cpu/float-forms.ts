// The floating-point forms under test (Intel SDM volume 2), as templates of forms.ts. A state has one NaN at most for each
// width: of two QEMU 7.2 takes the one that x87 would.
import { alone, type Form, type Need } from './forms.ts'

const WIDTHS = { ss: 32, sd: 64, ps: 128, pd: 128 } as const
const needsOf = (width: string): Need[] => [width.endsWith('d') ? 'doubles' : 'singles', 'aligned']

const floating = (text: string, ...needs: Need[]): Form => alone(text, 0, ...needs)

function* arithmetic(): Iterable<Form> {
  for (const [shape, width] of Object.entries(WIDTHS)) {
    const needs = needsOf(shape)
    for (const name of ['add', 'sub', 'mul', 'div', 'min', 'max', 'sqrt'])
      yield floating(`${name}${shape} X, XM${width}`, ...needs)
    for (let predicate = 0; predicate < 8; predicate++)
      yield floating(`cmp${shape} X, XM${width}, ${predicate}`, ...needs)
    for (const control of [0, 1, 2, 3, 4, 8, 12])
      yield floating(`round${shape} X, XM${width}, ${control}`, ...needs)
  }
  for (const shape of ['ps', 'pd']) {
    for (const name of ['hadd', 'hsub', 'addsub'])
      yield floating(`${name}${shape} X, XM128`, ...needsOf(shape))
    // its default NaN would meet another
    yield floating(`dp${shape} X, XM128, I8`, 'noNan', ...needsOf(shape))
  }
  for (const name of ['comi', 'ucomi']) {
    yield floating(`${name}ss X, XM32`, 'singles')
    yield floating(`${name}sd X, XM64`, 'doubles')
  }
}

function* conversions(): Iterable<Form> {
  yield floating('cvtss2sd X, XM32', 'singles')
  yield floating('cvtps2pd X, XM64', 'singles')
  yield floating('cvtsd2ss X, XM64', 'doubles')
  yield floating('cvtpd2ps X, XM128', 'doubles', 'aligned')
  yield floating('cvtdq2ps X, XM128', 'aligned')
  yield floating('cvtdq2pd X, XM64')
  for (const name of ['cvtps2dq', 'cvttps2dq']) yield floating(`${name} X, XM128`, 'singles', 'aligned')
  for (const name of ['cvtpd2dq', 'cvttpd2dq']) yield floating(`${name} X, XM128`, 'doubles', 'aligned')
  for (const width of [32, 64]) {
    yield floating(`cvtsi2ss X, RM${width}`)
    yield floating(`cvtsi2sd X, RM${width}`)
    for (const prefix of ['cvt', 'cvtt']) {
      yield floating(`${prefix}ss2si R${width}, XM32`, 'singles')
      yield floating(`${prefix}sd2si R${width}, XM64`, 'doubles')
    }
  }
}

export const FLOAT_FORMS: readonly Form[] = [...arithmetic(), ...conversions()]

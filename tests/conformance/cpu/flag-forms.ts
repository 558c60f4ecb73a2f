// Who reads which flags after whom: each instruction that sets flags, after another one that set them differently, then all
// conditions on what it defines (Intel SDM volume 2, appendix B), in the same basic block and in the next one.
import { AF, alone, CF, CONDITIONS, type Form, OF, PF, SF, STATUS, ZF } from './forms.ts'

/** Instructions, and the flags that they leave undefined. */
const SETTERS: readonly [text: string, undefinedFlags: number][] = [
  ...['add', 'sub', 'cmp', 'adc', 'sbb', 'xadd', 'cmpxchg'].flatMap((name): [string, number][] =>
    [8, 16, 32, 64].map((width) => [`${name} R${width}, R${width}`, 0]),
  ),
  ...['and', 'or', 'xor', 'test'].flatMap((name): [string, number][] =>
    [8, 32, 64].map((width) => [`${name} R${width}, R${width}`, AF]),
  ),
  ...['inc', 'dec', 'neg'].flatMap((name): [string, number][] =>
    [8, 16, 32, 64].map((width) => [`${name} R${width}`, 0]),
  ),
  ...[16, 32, 64].flatMap((width): [string, number][] => [
    ...['bt', 'bts', 'btr', 'btc'].flatMap((name): [string, number][] => [
      [`${name} R${width}, R${width}`, OF | SF | AF | PF],
      [`${name} R${width}, 5`, OF | SF | AF | PF],
    ]),
    [`bsf R${width}, R${width}`, STATUS & ~ZF],
    [`bsr R${width}, R${width}`, STATUS & ~ZF],
    [`tzcnt R${width}, R${width}`, OF | SF | PF | AF],
    [`lzcnt R${width}, R${width}`, OF | SF | PF | AF],
    [`popcnt R${width}, R${width}`, 0],
    [`imul R${width}, R${width}`, SF | ZF | AF | PF],
    [`shld R${width}, R${width}, 1`, AF],
    [`shrd R${width}, R${width}, 3`, AF | OF],
  ]),
  ...[8, 16, 32, 64].flatMap((width): [string, number][] => [
    ...['shl', 'shr', 'sar'].flatMap((name): [string, number][] => [
      [`${name} R${width}, 1`, AF],
      [`${name} R${width}, 3`, AF | OF],
      [`and ecx, 7\n${name} R${width}, cl`, AF | OF],
    ]),
    ...['rol', 'ror', 'rcl', 'rcr'].flatMap((name): [string, number][] => [
      [`${name} R${width}, 1`, 0],
      [`${name} R${width}, 3`, OF],
      [`${name} R${width}, cl`, OF],
    ]),
    [`mul R${width}`, SF | ZF | AF | PF],
  ]),
  ...[32, 64].flatMap((width): [string, number][] => [
    [`andn R${width}, R${width}, R${width}`, AF | PF],
    [`blsr R${width}, R${width}`, AF | PF],
    [`blsmsk R${width}, R${width}`, AF | PF],
    [`bzhi R${width}, R${width}, R${width}`, AF | PF],
    [`bextr R${width}, R${width}, R${width}`, AF | PF | SF],
  ]),
  ...['clc', 'stc', 'cmc', 'sahf', 'ptest X, X', 'pcmpistri X, X, 8', 'ucomisd X, X'].map(
    (text): [string, number] => [text, 0],
  ),
]
const BEFORE = ['cmp R32, R32', 'inc R64', 'test R8, R8', 'shl R64, 1']
const REGISTERS = 'al cl dl bl sil dil bpl r8b r9b r10b r11b r12b r13b r14b r15b'.split(' ')
/** By the upper three bits of a condition's encoding. */
const READ = [OF, CF, ZF, CF | ZF, SF, PF, SF | OF, ZF | SF | OF]

function* uses(): Iterable<Form> {
  let turn = 0
  for (const [setter, undefinedFlags] of SETTERS) {
    for (const between of ['', '\njmp 1f\nint3\n1: nop']) {
      const conditions = CONDITIONS.filter((_, code) => (READ[code >> 1]! & undefinedFlags) === 0)
      // fifteen registers for sixteen conditions
      const uses = conditions.slice(0, REGISTERS.length).map((name, i) => `set${name} ${REGISTERS[i]}`)
      const last = conditions.at(-1)
      const jump = last === undefined ? '' : `\nj${last} 2f\nint3\nnop\n2: nop`
      const before = BEFORE[turn++ % BEFORE.length]
      yield alone(`${before}\n${setter}${between}\n${uses.join('\n')}${jump}`, undefinedFlags)
    }
  }
}

export const FLAG_FORMS: readonly Form[] = [...uses()]

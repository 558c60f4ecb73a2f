// The integer instruction forms under test, as assembler templates (Intel SDM volume 2). Upper-case words stand for
// operands: R32 a general register, M32 memory, RM32 either, I8 an immediate of the processor's choosing, S8 one that
// is sign-extended from 8 bits. The table knows nothing of the implementation.

export const CF = 1
export const PF = 4
export const AF = 0x10
export const ZF = 0x40
export const SF = 0x80
export const OF = 0x800
const DF = 0x400
export const STATUS = CF | PF | AF | ZF | SF | OF
export const FLAGS = STATUS | DF

/** What a form needs of the state that it starts from. */
export type Need =
  /** cl is a shift count, mostly a small one. */
  | 'shiftCount'
  /** rcx is a small count, rsi and rdi point into windows. */
  | 'strings'
  /** rdx:rax over any operand of this width gives a quotient that fits, mostly. */
  | 'dividend'
  /** rax, or rdx:rax, equals the operand in memory, half of the time. */
  | 'comparand'
  /** The register operand is a bit offset that stays near. */
  | 'bitOffset'
  /** The operand is the address of code that can be executed, mostly. */
  | 'target'
  /** The quadword on top of the stack is one. */
  | 'returnAddress'
  /** The quadword on top of the stack is flags without TF, IF, NT and the like. */
  | 'savedFlags'
  /** On top of the stack is what an interrupt pushed. */
  | 'interruptFrame'
  /** xmm registers and windows hold numbers of the width. */
  | 'singles'
  | 'doubles'
  /** They are numbers without exception. */
  | 'noNan'
  /** rax and rdx are small, of either sign. */
  | 'lengths'
  /** xmm registers hold few different bytes, zeros among them. */
  | 'smallElements'
  /** rcx is the start and the length of a bit field. */
  | 'field'
  /** Not in ring 3. */
  | 'ringZero'
  /** rbp points into the stack. */
  | 'frame'
  /** rcx or its low half is a small count of iterations. */
  | 'loopCount'
  /** rcx is a small count that is not 0. */
  | 'iterations'
  /** rax has what CR8 takes; QEMU takes anything, where the SDM says #GP. */
  | 'priority'
  /** The memory operand has what MXCSR takes; QEMU also takes reserved bits. */
  | 'mxcsr'
  /** The memory operand of 16 bytes is aligned. */
  | 'aligned'
  /** The memory operand can be written: before QEMU 7.2 finds that it cannot, it has changed the carry flag. */
  | 'writable'
  /** Not relative to rip: QEMU 7.2 forgets the immediate after such an operand of shld and shrd. */
  | 'notRipRelative'

export interface Form {
  readonly text: string
  readonly needs: readonly Need[]
  /** Flags that the SDM leaves undefined; of shifts and rotates it depends on the count, before it is masked. */
  readonly undefinedFlags: (count: number) => number
  /** A shift whose count and destination width this names: more than it is undefined altogether. */
  readonly widthLimit?: number
  /** Does something else than compute: not used in sequences. */
  readonly alone: boolean
}

const NONE = () => 0
export const form = (
  text: string,
  undefinedFlags: number | ((count: number) => number) = NONE,
  ...needs: Need[]
): Form => ({
  text,
  needs,
  undefinedFlags: typeof undefinedFlags === 'number' ? () => undefinedFlags : undefinedFlags,
  alone: needs.length > 0 || (typeof undefinedFlags === 'number' && (undefinedFlags & ~AF) !== 0),
})
export const alone = (text: string, undefinedFlags = 0, ...needs: Need[]): Form => ({
  ...form(text, undefinedFlags, ...needs),
  alone: true,
})

export const CONDITIONS = [
  'o',
  'no',
  'b',
  'ae',
  'e',
  'ne',
  'be',
  'a',
  's',
  'ns',
  'p',
  'np',
  'l',
  'ge',
  'le',
  'g',
]
export const WIDTHS = [8, 16, 32, 64]
export const WIDE = [16, 32, 64]

function* arithmetic(): Iterable<Form> {
  const opcodes = { add: 0x00, or: 0x08, adc: 0x10, sbb: 0x18, and: 0x20, sub: 0x28, xor: 0x30, cmp: 0x38 }
  for (const [name, opcode] of Object.entries(opcodes)) {
    const undefinedFlags = name === 'or' || name === 'and' || name === 'xor' ? AF : 0
    for (const width of WIDTHS) {
      yield form(`${name} RM${width}, R${width}`, undefinedFlags)
      yield form(`${name} R${width}, M${width}`, undefinedFlags)
      yield form(`${name} RM${width}, I${Math.min(width, 32)}`, undefinedFlags)
      if (width > 8) yield form(`${name} RM${width}, S8`, undefinedFlags)
      // the assembler takes the other direction: opcode + 2 between registers
      const [prefix, low] =
        width === 16 ? ['0x66, ', 3] : width === 64 ? ['0x48, ', 3] : ['', width === 8 ? 2 : 3]
      yield form(`.byte ${prefix}${opcode + Number(low)}, 0xc0 | MODRM`, undefinedFlags)
      if (name !== 'cmp') yield alone(`lock ${name} M${width}, R${width}`, undefinedFlags)
    }
    yield form(`${name} al, I8`, undefinedFlags)
    yield form(`${name} ax, I16`, undefinedFlags)
    yield form(`${name} eax, I32`, undefinedFlags)
    yield form(`${name} rax, I32`, undefinedFlags)
  }
  for (const width of WIDTHS) {
    yield form(`test RM${width}, R${width}`, AF)
    yield form(`test RM${width}, I${Math.min(width, 32)}`, AF)
    for (const name of ['inc', 'dec', 'not', 'neg']) {
      yield form(`${name} RM${width}`)
      yield alone(`lock ${name} M${width}`)
    }
  }
  yield form('test al, I8', AF)
  yield form('test ax, I16', AF)
  yield form('test eax, I32', AF)
  yield form('test rax, I32', AF)
}

function* moves(): Iterable<Form> {
  for (const width of WIDTHS) {
    yield form(`mov RM${width}, R${width}`)
    yield form(`mov R${width}, M${width}`)
    yield form(`mov RM${width}, I${Math.min(width, 32)}`)
    yield form(`xchg RM${width}, R${width}`)
    yield form(`xadd RM${width}, R${width}`)
    yield alone(`lock xadd M${width}, R${width}`)
    yield form(`cmpxchg RM${width}, R${width}`, 0, 'comparand')
    yield alone(`lock cmpxchg M${width}, R${width}`, 0, 'comparand')
    const accumulator = { 8: 'al', 16: 'ax', 32: 'eax', 64: 'rax' }[width]
    yield form(`movabs ${accumulator}, [MOFFS]`)
    yield form(`movabs [MOFFS], ${accumulator}`)
    if (width > 8) yield form(`xchg R${width}, ${accumulator}`)
  }
  yield form('mov R8, I8')
  yield form('mov R32, I32')
  yield form('movabs R64, I64')
  yield form('.byte 0x8a, 0xc0 | MODRM')
  yield form('.byte 0x8b, 0xc0 | MODRM')
  yield form('.byte 0x48, 0x8b, 0xc0 | MODRM')
  for (const width of WIDE) {
    yield form(`movzx R${width}, RM8`)
    yield form(`movsx R${width}, RM8`)
    if (width > 16) yield form(`movzx R${width}, RM16`)
    if (width > 16) yield form(`movsx R${width}, RM16`)
    yield form(`lea R${width}, M0`)
  }
  yield form('movsxd R64, RM32')
  for (const condition of CONDITIONS) {
    yield form(`set${condition} RM8`)
    for (const width of WIDE) yield form(`cmov${condition} R${width}, RM${width}`)
  }
  for (const name of ['cbw', 'cwde', 'cdqe', 'cwd', 'cdq', 'cqo', 'clc', 'stc', 'cmc', 'cld', 'std', 'sahf'])
    yield form(name)
  yield alone('lahf')
  for (const name of [
    'nop',
    'pause',
    'lfence',
    'mfence',
    'sfence',
    'endbr64',
    'endbr32',
    'nop M32',
    'xchg ax, ax',
  ])
    yield form(name)
  for (const name of ['prefetchnta M8', 'prefetcht0 M8', 'prefetcht1 M8', 'prefetcht2 M8', 'prefetchw M8'])
    yield alone(name)
  yield form('bswap R32')
  yield form('bswap R64')
  yield form('movnti M32, R32')
  yield form('movnti M64, R64')
  yield alone('cmpxchg8b M64', 0, 'comparand')
  yield alone('lock cmpxchg8b M64', 0, 'comparand')
  yield alone('cmpxchg16b M128', 0, 'comparand')
  yield alone('lock cmpxchg16b M128', 0, 'comparand')
}

const countMask = (width: number): number => (width === 64 ? 63 : 31)

export const undefinedAfterShift =
  (width: number) =>
  (count: number): number => {
    const masked = count & countMask(width)
    if (masked === 0) return 0
    return AF | (masked > 1 ? OF : 0) | (masked >= width ? CF : 0)
  }

function* shifts(): Iterable<Form> {
  for (const width of WIDTHS) {
    const mask = countMask(width)
    const afterShift = undefinedAfterShift(width)
    const afterRotate = (count: number) => ((count & mask) > 1 ? OF : 0)
    for (const [name, undefinedFlags] of [
      ['shl', afterShift],
      ['shr', afterShift],
      ['sar', (count: number) => afterShift(count) & ~CF],
      ['rol', afterRotate],
      ['ror', afterRotate],
      ['rcl', afterRotate],
      ['rcr', afterRotate],
    ] as const) {
      const needs: Need[] = name === 'rcl' || name === 'rcr' ? ['writable'] : []
      yield { ...form(`${name} RM${width}, 1`, undefinedFlags(1)), needs }
      yield form(`${name} RM${width}, MANY`, undefinedFlags, 'shiftCount', ...needs)
      yield form(`${name} RM${width}, cl`, undefinedFlags, 'shiftCount', ...needs)
    }
    if (width === 8) continue
    for (const name of ['shld', 'shrd']) {
      for (const count of ['COUNT', 'cl']) {
        yield {
          ...form(`${name} RM${width}, R${width}, ${count}`, afterShift, 'shiftCount', 'notRipRelative'),
          widthLimit: width,
        }
      }
    }
  }
}

function* multiplication(): Iterable<Form> {
  const afterMultiply = SF | ZF | AF | PF
  for (const width of WIDTHS) {
    yield form(`mul RM${width}`, afterMultiply)
    yield form(`imul RM${width}`, afterMultiply)
    yield form(`div RM${width}`, STATUS, 'dividend')
    yield form(`idiv RM${width}`, STATUS, 'dividend')
    if (width === 8) continue
    yield form(`imul R${width}, RM${width}`, afterMultiply)
    yield form(`imul R${width}, RM${width}, S8`, afterMultiply)
    yield form(`imul R${width}, RM${width}, I${Math.min(width, 32)}`, afterMultiply)
  }
}

function* bits(): Iterable<Form> {
  const afterTest = OF | SF | AF | PF
  for (const width of WIDE) {
    for (const name of ['bt', 'bts', 'btr', 'btc']) {
      yield form(`${name} R${width}, R${width}`, afterTest)
      yield form(`${name} M${width}, R${width}`, afterTest, 'bitOffset')
      yield form(`${name} RM${width}, COUNT`, afterTest)
      if (name !== 'bt') yield alone(`lock ${name} M${width}, R${width}`, afterTest, 'bitOffset')
      if (name !== 'bt') yield alone(`lock ${name} M${width}, COUNT`, afterTest)
    }
    yield form(`bsf R${width}, RM${width}`, STATUS & ~ZF)
    yield form(`bsr R${width}, RM${width}`, STATUS & ~ZF)
    yield form(`popcnt R${width}, RM${width}`)
    yield form(`tzcnt R${width}, RM${width}`, OF | SF | PF | AF)
    yield form(`lzcnt R${width}, RM${width}`, OF | SF | PF | AF)
  }
}

/** What cpuid has bits of. */
function* extensions(): Iterable<Form> {
  for (const width of WIDE) {
    yield form(`movbe R${width}, M${width}`)
    yield form(`movbe M${width}, R${width}`)
  }
  for (const width of WIDTHS) yield form(`crc32 ${width === 64 ? 'R64' : 'R32'}, RM${width}`)
  yield form('.byte 0xf2, 0x48, 0x0f, 0x38, 0xf0, 0xc0 | MODRM')
  yield form('.byte 0xf2, 0x48, 0x0f, 0x38, 0xf0, BASE8 | REG << 3')
  for (const name of ['rdrand', 'rdseed']) {
    for (const [register, whole] of [
      ['cx', 'ecx'],
      ['r9d', 'r9d'],
      ['rsi', 'esi'],
    ])
      yield form(`${name} ${register}\nmov ${whole}, 0`)
  }
  for (const width of [32, 64]) {
    yield form(`andn R${width}, R${width}, RM${width}`, AF | PF)
    // the carry of blsi: QEMU 7.2 has it the other way round (SDM volume 2: set unless the source is 0)
    yield form(`blsi R${width}, RM${width}`, AF | PF | CF)
    for (const name of ['blsmsk', 'blsr']) yield form(`${name} R${width}, RM${width}`, AF | PF)
    yield form(`bextr R${width}, RM${width}, R${width}`, AF | PF | SF)
    yield {
      ...form(`bextr R${width}, RM${width}, rcx`.replace('rcx', width === 64 ? 'rcx' : 'ecx'), AF | PF | SF),
      needs: ['field'],
    }
    yield form(`bzhi R${width}, RM${width}, R${width}`, AF | PF)
    yield {
      ...form(`bzhi R${width}, RM${width}, ${width === 64 ? 'rcx' : 'ecx'}`, AF | PF),
      needs: ['shiftCount'],
    }
    for (const name of ['shlx', 'shrx', 'sarx']) yield form(`${name} R${width}, RM${width}, R${width}`)
    yield form(`rorx R${width}, RM${width}, COUNT`)
    for (const name of ['mulx', 'pdep', 'pext']) yield form(`${name} R${width}, R${width}, RM${width}`)
  }
}

function* strings(): Iterable<Form> {
  for (const size of ['b', 'w', 'd', 'q']) {
    for (const name of ['movs', 'stos', 'lods']) {
      yield alone(`${name}${size}`, 0, 'strings')
      yield alone(`rep ${name}${size}`, 0, 'strings')
    }
    for (const name of ['scas', 'cmps']) {
      for (const prefix of ['', 'repe ', 'repne ']) yield alone(`${prefix}${name}${size}`, 0, 'strings')
    }
  }
}

function* stack(): Iterable<Form> {
  for (const text of [
    'push R64',
    'push R16',
    'push M64',
    'push M16',
    'push I8',
    'push I32',
    'pop R64',
    'pop R16',
  ])
    yield alone(text)
  for (const text of ['pop M64', 'pop M16', 'push rsp', 'pop rsp', 'pushfq', 'push S8']) yield alone(text)
  yield alone('popfq', 0, 'savedFlags')
  yield alone('leave', 0, 'frame')
  yield alone('enter 16, 0', 0, 'frame')
}

/** Taken and not taken end at different int3. */
function* branches(): Iterable<Form> {
  const FAR = '.skip 96, 0xcc\n'
  for (const condition of CONDITIONS) {
    yield alone(`j${condition} 1f\nint3\nnop\n1: nop`)
    yield alone(`.byte 0x0f\n.byte 0x80 | ${CONDITIONS.indexOf(condition)}\n.long 96\n${FAR}nop`)
    for (const width of WIDE) yield alone(`cmp R${width}, R${width}\nj${condition} 1f\nint3\nnop\n1: nop`)
    yield alone(`test R32, R32\nj${condition} 1f\nint3\nnop\n1: nop`, AF)
    yield alone(`sub R32, S8\nj${condition} 1f\nint3\nnop\n1: nop`)
    yield alone(`add R8, R8\nj${condition} 1f\nint3\nnop\n1: nop`)
    yield alone(`inc R64\nset${condition} R8\nj${condition} 1f\nint3\nnop\n1: nop`)
  }
  for (const name of ['loop', 'loope', 'loopne', 'jrcxz', 'jecxz']) {
    yield alone(`${name} 1f\nint3\nnop\n1: nop`, 0, 'loopCount')
  }
  yield alone('2: inc rdx\nloop 2b', 0, 'iterations')
  yield alone('jmp 1f\nint3\n1: nop')
  yield alone('call 1f\nint3\n1: nop')
  for (const name of ['jmp', 'call']) {
    yield alone(`${name} R64`, 0, 'target')
    yield alone(`${name} M64`, 0, 'target')
  }
  yield alone('ret', 0, 'returnAddress')
  yield alone('ret 24', 0, 'returnAddress')
  yield alone('.byte 0xf3, 0xc3', 0, 'returnAddress')
}

export const INTEGER_FORMS: readonly Form[] = [
  ...arithmetic(),
  ...moves(),
  ...shifts(),
  ...multiplication(),
  ...bits(),
  ...extensions(),
  ...strings(),
  ...stack(),
  ...branches(),
]

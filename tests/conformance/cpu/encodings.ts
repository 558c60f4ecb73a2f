// Encodings that assemblers do not choose: a second opcode for the same thing, an operand size that changes nothing, a
// register where memory is usual (Intel SDM volume 2, appendix A). REG is a register's three bits, BASE32 those of one that
// points to 32 bits of memory, MODRM two registers.
import { alone, type Form, form, undefinedAfterShift, WIDE, WIDTHS } from './forms.ts'

/** Bytes before an opcode, and what the opcode adds, for an operand of a width. */
const wide = (width: number): readonly [prefix: string, low: number] =>
  width === 8 ? ['', 0] : width === 16 ? ['0x66, ', 1] : width === 32 ? ['', 1] : ['0x48, ', 1]
const immediate = (width: number): string =>
  width === 8 ? '.byte I8' : width === 16 ? '.short I16' : '.long I32'

/** With a register, then with memory; the reg field says which instruction it is. */
function* group(prefix: string, opcode: number, reg: number, width: number, after = ''): Iterable<string> {
  yield `.byte ${prefix}${opcode}, ${0xc0 + reg * 8} | REG${after}`
  yield `.byte ${prefix}${opcode}, ${reg * 8} | BASE${width}${after}`
}

function* groups(): Iterable<Form> {
  for (const width of WIDTHS) {
    const [prefix, low] = wide(width)
    const afterShift = undefinedAfterShift(width)
    for (const text of group(prefix, 0xc0 + low, 6, width, '\n.byte COUNT'))
      yield form(text, afterShift, 'shiftCount')
    for (const text of group(prefix, 0xd0 + low, 6, width)) yield form(text, afterShift(1))
    for (const text of group(prefix, 0xd2 + low, 6, width)) yield form(text, afterShift, 'shiftCount')
    for (const text of group(prefix, 0xc6 + low, 0, width, `\n${immediate(width)}`)) yield form(text)
  }
  for (const prefix of ['', '0x66, ']) {
    yield alone(`.byte ${prefix}0x8f, 0xc0 | REG`)
    yield alone(`.byte ${prefix}0xff, 0xf0 | REG`)
  }
}

/** An opcode with ModRM: two registers, then memory. */
function* modrm(opcode: string, width: number): Iterable<Form> {
  yield form(`.byte ${opcode}, 0xc0 | MODRM`)
  yield form(`.byte ${opcode}, BASE${width} | REG << 3`)
}

function* others(): Iterable<Form> {
  yield* modrm('0x63', 32)
  yield form('.byte 0x66, 0x63, 0xc0 | MODRM')
  yield* modrm('0x66, 0x8b', 16)
  yield* modrm('0x66, 0x0f, 0xb7', 16)
  yield* modrm('0x66, 0x0f, 0xbf', 16)
  // segment registers 0 to 5
  for (const prefix of ['', '0x66, ', '0x48, ']) {
    yield form(`.byte ${prefix}0x8c, 0xd0 | REG`)
    yield form(`.byte ${prefix}0x8c, 0x10 | BASE16`)
  }
  for (const width of WIDE) yield form(`nop RM${width}`)
  yield form('.byte 0x48, 0x90')
  for (const prefix of ['', '0x48, ']) yield form(`.byte 0xf3, ${prefix}0x0f, 0x1e, 0xc8 | REG`) // rdssp
  // prefetch, prefetchw, prefetchwt1 and those that are reserved
  for (let reg = 0; reg < 8; reg++) yield alone(`.byte 0x0f, 0x0d, ${reg * 8} | BASE8`)
  for (let fence = 0xe8; fence < 0x100; fence++) yield form(`.byte 0x0f, 0xae, ${fence}`)
  yield alone('.byte 0xe9\n.long 96\n.skip 96, 0xcc\nnop')
  for (const prefix of ['', '0x66, ', '0x48, ']) {
    for (const opcode of ['0xb9', '0xff']) {
      yield alone(`.byte ${prefix}0x0f, ${opcode}, 0xc0 | MODRM`)
      yield alone(`.byte ${prefix}0x0f, ${opcode}, BASE32 | REG << 3`)
    }
  }
}

function* vectors(): Iterable<Form> {
  yield form('.byte 0x66, 0x0f, 0x11, 0xc0 | MODRM')
  yield form('.byte 0x66, 0x0f, 0x29, 0xc0 | MODRM')
  for (const opcode of ['0x0f, 0x50', '0x0f, 0xd7']) yield form(`.byte 0x66, 0x48, ${opcode}, 0xc0 | MODRM`)
  yield form('.byte 0x48, 0x0f, 0x50, 0xc0 | MODRM')
  yield form('.byte 0x66, 0x0f, 0x3a, 0x15, 0xc0 | MODRM, I8')
  yield form('.byte 0x66, 0x48, 0x0f, 0xc5, 0xc0 | MODRM, I8')
  yield form('.byte 0x66, 0x48, 0x0f, 0xc4, 0xc0 | MODRM, I8')
  yield form('.byte 0x66, 0x48, 0x0f, 0xc4, BASE16 | REG << 3, I8')
  yield form('.byte 0x66, 0x48, 0x0f, 0x6e, BASE64 | REG << 3')
  yield form('.byte 0x66, 0x48, 0x0f, 0x7e, BASE64 | REG << 3')
}

/** REX.W where it changes nothing. */
function* wideVectors(): Iterable<Form> {
  for (const [opcode, width] of [
    [0x14, 8],
    [0x15, 16],
    [0x17, 32],
    [0x20, 8],
  ]) {
    yield form(`.byte 0x66, 0x48, 0x0f, 0x3a, ${opcode}, 0xc0 | MODRM, I8`)
    yield form(`.byte 0x66, 0x48, 0x0f, 0x3a, ${opcode}, BASE${width} | REG << 3, I8`)
  }
  for (const opcode of [0x60, 0x61]) {
    const bytes = `.byte 0x66, 0x48, 0x0f, 0x3a, ${opcode}`
    // of 64 bits QEMU 7.2 looks at 32
    yield alone(`movsxd rax, eax\nmovsxd rdx, edx\n${bytes}, 0xc0 | MODRM, I8`, 0, 'lengths', 'smallElements')
    yield alone(`movsxd rax, eax\nmovsxd rdx, edx\n${bytes}, BASE128 | REG << 3, I8`, 0, 'lengths')
  }
}

export const ENCODING_FORMS: readonly Form[] = [...groups(), ...others(), ...vectors(), ...wideVectors()]

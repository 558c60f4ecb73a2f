// The SSE and SSE2 forms under test: what compilers emit to move, combine and compare integers (Intel SDM volume 2).
// X is an xmm register, XM128 one or memory; templates as in forms.ts.
import { alone, type Form, form } from './forms.ts'

function* moves(): Iterable<Form> {
  for (const name of ['movups', 'movaps', 'movupd', 'movapd', 'movdqa', 'movdqu']) {
    yield form(`${name} X, XM128`)
    yield form(`${name} M128, X`)
  }
  for (const name of ['movntps', 'movntpd', 'movntdq']) yield form(`${name} M128, X`)
  yield form('lddqu X, M128')
  // the store opcodes between registers, which the assembler does not choose
  for (const opcode of [
    '0x0f, 0x11',
    '0x0f, 0x29',
    '0x66, 0x0f, 0x7f',
    '0xf3, 0x0f, 0x7f',
    '0x66, 0x0f, 0xd6',
  ]) {
    yield form(`.byte ${opcode}, 0xc0 | MODRM`)
  }
  yield form('.byte 0xf3, 0x0f, 0x11, 0xc0 | MODRM')
  yield form('.byte 0xf2, 0x0f, 0x11, 0xc0 | MODRM')
  yield form('movd X, RM32')
  yield form('movd RM32, X')
  yield form('movq X, R64')
  yield form('movq R64, X')
  yield form('.byte 0x66, 0x48, 0x0f, 0x7e, 0xc0 | MODRM')
  yield form('movq X, XM64')
  yield form('movq M64, X')
  yield form('movss X, XM32')
  yield form('movss M32, X')
  yield form('movsd X, XM64')
  yield form('movsd M64, X')
  for (const name of ['movlps', 'movhps', 'movlpd', 'movhpd']) {
    yield form(`${name} X, M64`)
    yield form(`${name} M64, X`)
  }
  yield form('movhlps X, X')
  yield form('movlhps X, X')
  yield form('movmskps R32, X')
  yield form('movmskpd R32, X')
  yield form('pmovmskb R32, X')
  yield form('pextrw R32, X, I8')
  yield form('pinsrw X, R32, I8')
  yield form('pinsrw X, M16, I8')
  yield alone('stmxcsr M32')
  yield alone('ldmxcsr M32\nstmxcsr [rsp]', 0, 'mxcsr')
}

/** QEMU 7.2 checks the alignment of moves only (SDM: of every 16-byte operand); a test of the room does the rest. */
const aligned = (text: string): Form => ({ ...form(text), needs: ['aligned'] })

function* packed(): Iterable<Form> {
  const names = `
    xorps xorpd pxor andps andpd pand andnps andnpd pandn orps orpd por paddb paddw paddd paddq psubb
    psubw psubd psubq paddsb paddsw paddusb paddusw psubsb psubsw psubusb psubusw pcmpeqb pcmpeqw
    pcmpeqd pcmpgtb pcmpgtw pcmpgtd pminub pmaxub pminsw pmaxsw pavgb pavgw psadbw pmuludq pmullw pmulhw
    pmulhuw pmaddwd packsswb packssdw packuswb punpcklbw punpcklwd punpckldq punpcklqdq punpckhbw
    punpckhwd punpckhdq punpckhqdq unpcklps unpckhps unpcklpd unpckhpd psllw pslld psllq psrlw psrld
    psrlq psraw psrad`
    .trim()
    .split(/\s+/)
  for (const name of names) yield aligned(`${name} X, XM128`)
  for (const name of ['pshufd', 'pshuflw', 'pshufhw', 'shufps', 'shufpd'])
    yield aligned(`${name} X, XM128, I8`)
  for (const name of [
    'psllw',
    'pslld',
    'psllq',
    'psrlw',
    'psrld',
    'psrlq',
    'psraw',
    'psrad',
    'pslldq',
    'psrldq',
  ]) {
    yield form(`${name} X, COUNT`)
    yield form(`${name} X, SMALL`)
  }
}

/** SSE3 to SSE4.2; the operand in memory is of as many bytes as are used. */
function* sse4(): Iterable<Form> {
  const names = `
    pshufb pabsb pabsw pabsd psignb psignw psignd phaddw phaddd phaddsw phsubw phsubd phsubsw pmaddubsw
    pmulhrsw pminsb pmaxsb pminuw pmaxuw pminsd pmaxsd pminud pmaxud pmulld pmuldq packusdw pcmpeqq
    pcmpgtq phminposuw ptest movshdup movsldup`
    .trim()
    .split(/\s+/)
  for (const name of names) yield aligned(`${name} X, XM128`)
  for (const name of ['palignr', 'pblendw', 'blendps', 'blendpd', 'mpsadbw'])
    yield aligned(`${name} X, XM128, I8`)
  for (const name of ['pblendvb', 'blendvps', 'blendvpd']) yield aligned(`${name} X, XM128, xmm0`)
  for (const sign of ['z', 's']) {
    for (const [lanes, width] of Object.entries({ bw: 64, bd: 32, bq: 16, wd: 64, wq: 32, dq: 64 }))
      yield form(`pmov${sign}x${lanes} X, XM${width}`)
  }
  yield form('movddup X, XM64')
  yield form('movntdqa X, M128')
  for (const [name, register, memory] of [
    ['pextrb', 32, 8],
    ['pextrw', 32, 16],
    ['pextrd', 32, 32],
    ['pextrq', 64, 64],
    ['extractps', 32, 32],
  ]) {
    yield form(`${name} R${register}, X, I8`)
    yield form(`${name} M${memory}, X, I8`)
  }
  for (const [name, register, memory] of [
    ['pinsrb', 32, 8],
    ['pinsrd', 32, 32],
    ['pinsrq', 64, 64],
  ]) {
    yield form(`${name} X, R${register}, I8`)
    yield form(`${name} X, M${memory}, I8`)
  }
  yield form('insertps X, XM32, I8')
  for (const name of ['pcmpestri', 'pcmpestrm', 'pcmpistri', 'pcmpistrm']) {
    yield { ...form(`${name} X, XM128, I8`), needs: ['lengths'] }
    yield { ...form(`${name} X, X, I8`), needs: ['lengths', 'smallElements'] }
  }
}

export const SIMD_FORMS: readonly Form[] = [...moves(), ...packed(), ...sse4()]

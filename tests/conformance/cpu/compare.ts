// What two processors made of the same state, held against each other: general registers, rip, flags that are defined,
// xmm registers, memory, and the exception that ended it.
import { FLAGS } from './forms.ts'
import { RECORD_BYTES, Record, WINDOWS } from './layout.ts'
import type { Snippet } from './snippets.ts'

const GPRS = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ')
const BREAKPOINT = 3n
const STACK_FAULT = 12n
const GENERAL_PROTECTION = 13n
const PAGE_FAULT = 14n
const PRESENT = 1n
const WRITE = 2n
const RESERVED = 8n

const hex = (value: bigint): string => `0x${value.toString(16)}`

/** Empty where they agree; else a line per difference: what it was before, theirs, ours. */
export function differences(
  snippet: Snippet,
  before: Uint8Array,
  theirs: Uint8Array,
  ours: Uint8Array,
): string[] {
  const [start, expected, found] = [before, theirs, ours].map(
    (record) => new DataView(record.buffer, record.byteOffset, RECORD_BYTES),
  ) as [DataView, DataView, DataView] // three went in
  const lines: string[] = []
  const check = (what: string, offset: number, mask = ~0n, change = (value: bigint) => value) => {
    const right = change(expected.getBigUint64(offset, true)) & mask
    const wrong = found.getBigUint64(offset, true) & mask
    if (right === wrong) return
    lines.push(`${what}: ${hex(start.getBigUint64(offset, true))} -> ${hex(right)}, ours ${hex(wrong)}`)
  }
  const vector = expected.getBigUint64(Record.vector, true)
  // a stack address that is not canonical has a vector of its own, which our stop reasons do not tell apart
  check('vector', Record.vector, ~0n, (value) => (value === STACK_FAULT ? GENERAL_PROTECTION : value))
  if (lines.length === 0 && vector === PAGE_FAULT) {
    // an exchange reads and writes: of its access to an absent page QEMU 7.2 says read, processors say write
    const isExchange = /cmpxchg(8|16)b/.test(snippet.form.text)
    // a reserved bit is found in an entry that is present (SDM volume 3, 4.7): QEMU 7.2 does not say so
    const shown = (code: bigint) => ((code & RESERVED) !== 0n ? code | PRESENT : code)
    check('page fault error code', Record.errorCode, isExchange ? ~WRITE : ~0n, shown)
    check('cr2', Record.cr2)
  }
  for (let register = 0; register < 16; register++) check(GPRS[register] ?? '', register * 8)
  // an int3 is reported after it; our stop leaves rip at it
  check('rip', Record.rip, ~0n, (value) => (vector === BREAKPOINT ? value - 1n : value))
  const count = snippet.count ?? Number(start.getBigUint64(8, true) & 0xffn)
  check('rflags', Record.rflags, BigInt(FLAGS & ~snippet.form.undefinedFlags(count)))
  for (let i = 0; i < 32; i++) check(`xmm${i >> 1}[${i & 1}]`, Record.xmm + i * 8)
  for (const { address, offset, byteLength } of WINDOWS) {
    for (let i = 0; i < byteLength; i += 8) check(`memory at ${hex(address + BigInt(i))}`, offset + i)
  }
  return lines
}

/** shld and shrd by more than their width: the destination is undefined too. */
export const isUndefined = ({ form, count }: Snippet, before: Uint8Array): boolean => {
  if (form.widthLimit === undefined) return false
  const shift = count ?? before[8] ?? 0
  return (shift & (form.widthLimit === 64 ? 63 : 31)) > form.widthLimit
}

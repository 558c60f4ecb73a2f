// The C run time's strings that ntoskrnl.exe exports: what debug messages, identifiers and registry values are made with. Semantics
// as Microsoft documents them for _snprintf, strncpy, strcpy_s and the rest.
import { type Gva, gva } from '@dumpstack/bytes'
import type { CallFrame } from '../call-frame.ts'
import { type Export, type ExportFamily, exported, NOTHING } from './export.ts'
import { type FormatSource, format } from './format.ts'
import { bound, fill, fillAt, move } from './memory.ts'

const MINUS_ONE = 0xffff_ffff_ffff_ffffn
/** _TRUNCATE, and no bound at all. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER
const EINVAL = 22n
const ERANGE = 34n
/** As many arguments as reports show of a variable list. */
const SHOWN = 6

/** What differs between text of bytes and of UTF-16. */
interface Kind {
  readonly isWide: boolean
  readonly bytes: 1 | 2
}
const ANSI: Kind = { isWide: false, bytes: 1 }
const WIDE: Kind = { isWide: true, bytes: 2 }

const textAt = ({ memory }: CallFrame, va: Gva, kind: Kind, maximum = NO_LIMIT): string =>
  kind.isWide ? memory.wideString(va, maximum) : memory.string(va, maximum)

function store(call: CallFrame, va: Gva, text: string, kind: Kind): void {
  call.charge(text.length)
  const bytes = new Uint8Array(text.length * kind.bytes)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    bytes[i * kind.bytes] = code
    if (kind.isWide) bytes[2 * i + 1] = code >> 8
  }
  call.memory.write(va, bytes)
}

// printf

/** Arguments of the call from `first` on, or of the va_list that argument `first` is. */
function formatted(call: CallFrame, at: number, kind: Kind, isList: boolean, limit?: bigint): string {
  const { memory } = call
  let index = at + 1
  let list = isList ? call.va(index) : gva(0n)
  const source: FormatSource = {
    charge: (work) => call.charge(work),
    next: () => {
      if (!isList) return call.u64(index++)
      const value = memory.u64(list)
      list = gva(list + 8n)
      return value
    },
    ansi: (va, maximum) => memory.string(gva(va), maximum),
    wide: (va, maximum) => memory.wideString(gva(va), maximum),
    counted: (va, isWide) => {
      const length = memory.u16(gva(va))
      const buffer = gva(memory.u64(gva(va + 8n)))
      return isWide ? memory.wideString(buffer, length >> 1) : memory.string(buffer, length)
    },
  }
  return format(
    textAt(call, call.va(at), kind),
    source,
    kind.isWide,
    limit === undefined ? undefined : bound(limit),
  )
}

/** sprintf: no bound but what a call may make the host do. */
const print = (kind: Kind, isList: boolean): Export =>
  exported(SHOWN, (call) => {
    const text = formatted(call, 1, kind, isList)
    store(call, call.va(0), `${text}\0`, kind)
    return BigInt(text.length)
  })

/** _snprintf: no NUL where the text just fits, -1 where it does not. */
const printCounted = (kind: Kind, isList: boolean): Export =>
  exported(SHOWN, (call) => {
    const count = call.u64(1)
    const text = formatted(call, 2, kind, isList, count)
    const fits = BigInt(text.length) <= count
    store(call, call.va(0), BigInt(text.length) < count ? `${text}\0` : text.slice(0, Number(count)), kind)
    return fits ? BigInt(text.length) : MINUS_ONE
  })

/** sprintf_s: an empty text where it does not fit. */
const printSafely = (kind: Kind, isList: boolean): Export =>
  exported(SHOWN, (call) => {
    const size = call.u64(1)
    if (size === 0n) return MINUS_ONE
    const text = formatted(call, 2, kind, isList, size)
    const fits = BigInt(text.length) < size
    store(call, call.va(0), fits ? `${text}\0` : '\0', kind)
    return fits ? BigInt(text.length) : MINUS_ONE
  })

/** _snprintf_s: (Buffer, Size, Count, Format): cut where Count says so. */
const printCut = (kind: Kind, isList: boolean): Export =>
  exported(SHOWN, (call) => {
    const size = call.u64(1)
    const count = call.u64(2)
    if (size === 0n) return MINUS_ONE
    const text = formatted(call, 3, kind, isList, size)
    const length = BigInt(text.length)
    const isTruncating = count === MINUS_ONE
    const kept = isTruncating ? size - 1n : count
    if (length < size && length <= kept) {
      store(call, call.va(0), `${text}\0`, kind)
      return length
    }
    store(call, call.va(0), kept < size ? `${text.slice(0, Number(kept))}\0` : '\0', kind)
    return MINUS_ONE
  })

// Copies

const length = (kind: Kind): Export => exported(1, (call) => BigInt(textAt(call, call.va(0), kind).length))
const boundedLength = (kind: Kind): Export =>
  exported(2, (call) => BigInt(textAt(call, call.va(0), kind, bound(call.u64(1))).length))
const copy = (kind: Kind): Export =>
  exported(2, (call) => {
    store(call, call.va(0), `${textAt(call, call.va(1), kind)}\0`, kind)
    return call.u64(0)
  })
const append = (kind: Kind): Export =>
  exported(2, (call) => {
    const old = textAt(call, call.va(0), kind)
    const end = gva(call.va(0) + BigInt(old.length * kind.bytes))
    store(call, end, `${textAt(call, call.va(1), kind)}\0`, kind)
    return call.u64(0)
  })
/** strncpy: filled up with NULs, and without one where nothing is left to fill. */
const copyCounted = (kind: Kind): Export =>
  exported(3, (call) => {
    const count = bound(call.u64(2))
    const text = textAt(call, call.va(1), kind, count)
    store(call, call.va(0), text, kind)
    const end = gva(call.va(0) + BigInt(text.length * kind.bytes))
    fillAt(call, end, BigInt(count - text.length) * BigInt(kind.bytes), 0)
    return call.u64(0)
  })
/** strcpy_s and strcat_s: (Destination, Size, Source): an errno_t. */
const copySafely = (kind: Kind, isAppended: boolean): Export =>
  exported(3, (call) => {
    const [to, from] = [call.va(0), call.va(2)]
    const size = bound(call.u64(1))
    if (to === gva(0n) || size === 0) return EINVAL
    const old = isAppended ? textAt(call, to, kind, size) : ''
    const text = from === gva(0n) ? null : old + textAt(call, from, kind)
    const fits = text !== null && text.length < size
    store(call, to, fits ? `${text}\0` : '\0', kind)
    return fits ? 0n : text === null ? EINVAL : ERANGE
  })
/** strncpy_s: (Destination, Size, Source, Count). */
const copyPart = (kind: Kind): Export =>
  exported(4, (call) => {
    const [to, from] = [call.va(0), call.va(2)]
    const size = bound(call.u64(1))
    if (to === gva(0n) || size === 0 || from === gva(0n)) return EINVAL
    const isTruncating = call.u64(3) === MINUS_ONE
    const text = textAt(call, from, kind, isTruncating ? size - 1 : bound(call.u64(3)))
    const fits = text.length < size
    store(call, to, fits ? `${text}\0` : '\0', kind)
    return fits ? 0n : ERANGE
  })
/** strchr and strrchr; the NUL belongs to the text. */
const find = (kind: Kind, isLast: boolean): Export =>
  exported(2, (call) => {
    const text = `${textAt(call, call.va(0), kind)}\0`
    const wanted = String.fromCharCode(kind.isWide ? call.u32(1) & 0xffff : call.u8(1))
    const at = isLast ? text.lastIndexOf(wanted) : text.indexOf(wanted)
    return at < 0 ? 0n : call.u64(0) + BigInt(at * kind.bytes)
  })
const compareWide = (count: (call: CallFrame) => number, ignoresCase: boolean): Export =>
  exported(3, (call) => {
    const [left, right] = [0, 1].map((index) => {
      const text = textAt(call, call.va(index), WIDE, count(call))
      return ignoresCase ? text.toLowerCase() : text
    })
    return left === right ? 0n : left! < right! ? MINUS_ONE : 1n
  })

/** memcpy_s: (Destination, Size, Source, Count). */
const copyMemory = exported(4, (call) => {
  const [size, count] = [call.u64(1), call.u64(3)]
  if (count === 0n) return 0n
  if (call.va(0) === gva(0n)) return EINVAL
  if (call.va(2) === gva(0n) || count > size) {
    fill(call, size, 0)
    return count > size ? ERANGE : EINVAL
  }
  move(call, call.va(0), call.va(2), count)
  return 0n
})

const isCharacter = (pattern: RegExp): Export =>
  exported(1, (call) => (pattern.test(String.fromCharCode(call.u8(0))) ? 1n : 0n))

/** Blanks, a sign, and where the digits begin. */
const HEAD = /^[\t-\r ]*([-+]?)/

/** (String, **End, Base): 32 bits, as `long` has; beyond them the largest. */
const number = (isSigned: boolean): Export =>
  exported(3, (call) => {
    const text = call.memory.string(call.va(0))
    const given = call.u32(2)
    const head = HEAD.exec(text)!
    const digitsAt = head[0].length
    const isHex =
      (given === 0 || given === 16) && /^0[xX][0-9a-fA-F]/.test(text.slice(digitsAt, digitsAt + 3))
    const start = isHex ? digitsAt + 2 : digitsAt
    const base = given !== 0 ? given : isHex ? 16 : text[start] === '0' ? 8 : 10
    const { value, end } = digits(text, start, base)
    if (call.va(1) !== gva(0n)) call.memory.setU64(call.va(1), call.u64(0) + BigInt(end === start ? 0 : end))
    const isNegative = head[1] === '-'
    const most = isSigned ? (isNegative ? 0x8000_0000 : 0x7fff_ffff) : 0xffff_ffff
    if (value > most) return isSigned && isNegative ? 0x8000_0000n : BigInt(most)
    return BigInt.asUintN(32, BigInt(isNegative ? -value : value))
  })

/** A number that stays above 32 bits once it is there: a text may have 64 thousand digits. */
function digits(text: string, start: number, base: number): { value: number; end: number } {
  let value = 0
  let end = start
  for (; end < text.length; end++) {
    const digit = digitOf(text.charCodeAt(end))
    if (digit >= base) break
    value = Math.min(value * base + digit, 2 ** 33)
  }
  return { value, end }
}

/** 0 to 35; of no digit a number that no base has. */
function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = (code | 0x20) - 0x61
  return letter >= 0 && letter < 26 ? letter + 10 : NO_DIGIT
}
const NO_DIGIT = 99

/** atoi; unverified: what the kernel's answers beyond 32 bits, here their lowest. */
const decimal = exported(1, (call) => {
  const text = call.memory.string(call.va(0))
  const head = HEAD.exec(text)!
  let value = 0
  for (let at = head[0].length; at < text.length; at++) {
    const digit = digitOf(text.charCodeAt(at))
    if (digit >= 10) break
    value = (value * 10 + digit) % 2 ** 32
  }
  return BigInt.asUintN(32, BigInt(head[1] === '-' ? -value : value))
})

// Counted strings

/** STRING and UNICODE_STRING: Length 0, MaximumLength 2, Buffer 8. */
const initializeString = exported(2, (call) => {
  const { memory } = call
  const source = call.va(1)
  const byteLength = source === gva(0n) ? 0 : Math.min(memory.string(source).length, 0xfffe)
  memory.setU16(call.va(0), byteLength)
  memory.setU16(gva(call.va(0) + 2n), source === gva(0n) ? 0 : byteLength + 1)
  memory.setU64(gva(call.va(0) + 8n), source)
  return NOTHING
})
const countedText = ({ memory }: CallFrame, va: Gva): string =>
  memory.utf16(gva(memory.u64(gva(va + 8n))), memory.u16(va) >> 1)
/** (String1, String2, CaseInSensitive) */
function compareCounted(call: CallFrame): number {
  const [left, right] = [0, 1].map((index) => {
    const text = countedText(call, call.va(index))
    return call.u8(2) === 0 ? text : text.toUpperCase()
  })
  return left === right ? 0 : left! < right! ? -1 : 1
}

export const STRING_EXPORTS: ExportFamily = {
  sprintf: print(ANSI, false),
  vsprintf: print(ANSI, true),
  swprintf: print(WIDE, false),
  vswprintf: print(WIDE, true),
  _snprintf: printCounted(ANSI, false),
  _vsnprintf: printCounted(ANSI, true),
  _snwprintf: printCounted(WIDE, false),
  _vsnwprintf: printCounted(WIDE, true),
  sprintf_s: printSafely(ANSI, false),
  vsprintf_s: printSafely(ANSI, true),
  swprintf_s: printSafely(WIDE, false),
  vswprintf_s: printSafely(WIDE, true),
  _snprintf_s: printCut(ANSI, false),
  _vsnprintf_s: printCut(ANSI, true),
  _snwprintf_s: printCut(WIDE, false),
  _vsnwprintf_s: printCut(WIDE, true),
  strnlen: boundedLength(ANSI),
  wcslen: length(WIDE),
  wcsnlen: boundedLength(WIDE),
  strcpy: copy(ANSI),
  wcscpy: copy(WIDE),
  strcat: append(ANSI),
  wcscat: append(WIDE),
  strncpy: copyCounted(ANSI),
  wcsncpy: copyCounted(WIDE),
  strcpy_s: copySafely(ANSI, false),
  wcscpy_s: copySafely(WIDE, false),
  strcat_s: copySafely(ANSI, true),
  wcscat_s: copySafely(WIDE, true),
  strncpy_s: copyPart(ANSI),
  wcsncpy_s: copyPart(WIDE),
  strchr: find(ANSI, false),
  strrchr: find(ANSI, true),
  wcschr: find(WIDE, false),
  wcsrchr: find(WIDE, true),
  wcscmp: compareWide(() => NO_LIMIT, false),
  wcsncmp: compareWide((call) => bound(call.u64(2)), false),
  _wcsicmp: compareWide(() => NO_LIMIT, true),
  _wcsnicmp: compareWide((call) => bound(call.u64(2)), true),
  memcpy_s: copyMemory,
  memmove_s: copyMemory,
  isdigit: isCharacter(/[0-9]/),
  isxdigit: isCharacter(/[0-9a-fA-F]/),
  isspace: isCharacter(/[\t-\r ]/),
  isprint: isCharacter(/[ -~]/),
  isalpha: isCharacter(/[A-Za-z]/),
  isupper: isCharacter(/[A-Z]/),
  islower: isCharacter(/[a-z]/),
  atoi: decimal,
  atol: decimal,
  strtol: number(true),
  strtoul: number(false),
  RtlInitString: initializeString,
  RtlInitAnsiString: initializeString,
  RtlCompareUnicodeString: exported(3, (call) => BigInt.asUintN(32, BigInt(compareCounted(call)))),
  RtlEqualUnicodeString: exported(3, (call) => (compareCounted(call) === 0 ? 1n : 0n)),
  // (DestinationString, SourceString)
  RtlCopyUnicodeString: exported(2, (call) => {
    const { memory } = call
    const room = memory.u16(gva(call.va(0) + 2n)) >> 1
    const text = call.va(1) === gva(0n) ? '' : countedText(call, call.va(1)).slice(0, room)
    const to = gva(memory.u64(gva(call.va(0) + 8n)))
    store(call, to, text.length < room ? `${text}\0` : text, WIDE)
    memory.setU16(call.va(0), text.length * 2)
    return NOTHING
  }),
}

// printf as the C run time of the Windows kernel has it: the conversions, sizes and flags that Microsoft documents under "Format
// specification syntax", with the kernel's %Z for counted strings. Arguments are slots of eight bytes, on x64 doubles too.

/** Where a conversion finds what it names. */
export interface FormatSource {
  /** The next argument, 64 bits of it. */
  next(): bigint
  ansi(va: bigint, maximum: number): string
  wide(va: bigint, maximum: number): string
  /** A STRING or UNICODE_STRING. */
  counted(va: bigint, isWide: boolean): string
  /** Called as the text grows: may stop it. In instructions, what the next piece takes of the host. */
  charge(work: number): void
}

const CONVERSION = /%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+)?)?(hh|h|ll|l|I64|I32|I|w|z|j|t|L)?([a-zA-Z%])/g
const HAS_PRECISION = /\./
/** More would be the host's memory, not the guest's. */
const MAX_WIDTH = 4096
const POINTER_DIGITS = 16
/** In instructions: what a conversion takes of the host, and each character that comes of one. */
const CONVERSION_WORK = 40
const CHARACTER_WORK = 2

/**
 * `isWide` says which kind of text %s and %c mean without a size. As the C run time, it looks at no further conversion once the text has
 * more than `limit` characters: the caller sees that by its length.
 */
export function format(
  text: string,
  source: FormatSource,
  isWide: boolean,
  limit = Number.MAX_SAFE_INTEGER,
): string {
  let printed = ''
  let end = 0
  const print = (piece: string): void => {
    source.charge(piece.length * CHARACTER_WORK)
    printed += piece
  }
  for (const found of text.matchAll(CONVERSION)) {
    print(text.slice(end, found.index))
    if (printed.length > limit) return printed
    end = found.index + found[0].length
    source.charge(CONVERSION_WORK)
    print(conversion(found, source, isWide))
    if (printed.length > limit) return printed
  }
  print(text.slice(end))
  return printed
}

function conversion(found: RegExpMatchArray, source: FormatSource, isWide: boolean): string {
  const [whole, flags = '', width, precision, size = '', type = ''] = found
  if (type === '%') return '%'
  let left = flags.includes('-')
  let room = width === '*' ? signed(source.next(), 32) : Number(width ?? 0)
  if (room < 0) {
    left = true
    room = -room
  }
  let digits: number | null = null
  if (HAS_PRECISION.test(whole)) {
    digits = precision === '*' ? signed(source.next(), 32) : Number(precision ?? 0)
    digits = digits < 0 ? null : Math.min(digits, MAX_WIDTH)
  }
  const body = converted(type, size, flags, digits, source, isWide)
  if (body === null) return whole.slice(1) // an unknown conversion prints itself
  room = Math.min(room, MAX_WIDTH)
  if (left) return body.padEnd(room)
  const isZeroed = flags.includes('0') && (digits === null || !/[diuoxX]/.test(type))
  if (!isZeroed) return body.padStart(room)
  const prefix = /^(?:[-+ ]|0[xX])?/.exec(body)?.[0] ?? ''
  return prefix + body.slice(prefix.length).padStart(room - prefix.length, '0')
}

function converted(
  type: string,
  size: string,
  flags: string,
  digits: number | null,
  source: FormatSource,
  isWide: boolean,
): string | null {
  const maximum = digits ?? Number.MAX_SAFE_INTEGER
  const isWideText = (opposite: boolean): boolean =>
    size === 'l' || size === 'w' ? true : size.startsWith('h') ? false : isWide !== opposite
  switch (type) {
    case 'd':
    case 'i': {
      const value = BigInt.asIntN(bitsOf(size), source.next())
      const sign = value < 0n ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
      return sign + padded((value < 0n ? -value : value).toString(), digits)
    }
    case 'u':
      return padded(unsigned(size, source).toString(), digits)
    case 'o':
      return (flags.includes('#') ? '0' : '') + padded(unsigned(size, source).toString(8), digits)
    case 'x':
    case 'X': {
      const value = unsigned(size, source)
      const hex = (flags.includes('#') && value !== 0n ? '0x' : '') + padded(value.toString(16), digits)
      return type === 'X' ? hex.toUpperCase() : hex
    }
    case 'p':
      return source.next().toString(16).toUpperCase().padStart(POINTER_DIGITS, '0')
    case 'c':
    case 'C': {
      const code = Number(source.next() & 0xffffn)
      return String.fromCharCode(isWideText(type === 'C') ? code : code & 0xff)
    }
    case 's':
    case 'S': {
      const va = source.next()
      if (va === 0n) return '(null)'.slice(0, maximum)
      return isWideText(type === 'S') ? source.wide(va, maximum) : source.ansi(va, maximum)
    }
    case 'Z': {
      const va = source.next()
      return va === 0n ? '(null)' : source.counted(va, size === 'w' || size === 'l').slice(0, maximum)
    }
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
      return real(type, source.next(), digits ?? 6)
    case 'n':
      source.next() // the kernel's run time does not store through %n
      return ''
    default:
      return null
  }
}

const unsigned = (size: string, source: FormatSource): bigint => BigInt.asUintN(bitsOf(size), source.next())
const signed = (value: bigint, bits: number): number => Number(BigInt.asIntN(bits, value))
const padded = (text: string, digits: number | null): string =>
  digits === 0 && text === '0' ? '' : text.padStart(digits ?? 0, '0')

function bitsOf(size: string): number {
  switch (size) {
    case 'hh':
      return 8
    case 'h':
      return 16
    case 'll':
    case 'I64':
    case 'I':
    case 'z':
    case 'j':
    case 't':
      return 64
    default:
      return 32
  }
}

const REAL_DIGITS = 100

function real(type: string, bits: bigint, digits: number): string {
  const value = new Float64Array(new BigUint64Array([bits]).buffer)[0]!
  const places = Math.min(digits, REAL_DIGITS)
  const exponential = (places: number): string =>
    value
      .toExponential(places)
      .replace(/e([-+])(\d+)$/, (_, sign, power) => `e${sign}${power.padStart(3, '0')}`)
  let text: string
  if (!Number.isFinite(value)) text = Number.isNaN(value) ? '1.#QNAN' : `${value < 0 ? '-' : ''}1.#INF`
  else if (type === 'f') text = value.toFixed(places)
  else if (type === 'e' || type === 'E') text = exponential(places)
  else text = String(Number(value.toPrecision(Math.max(1, places))))
  return type === 'E' || type === 'G' ? text.toUpperCase() : text
}

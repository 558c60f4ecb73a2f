import { hex64 } from '@dumpstack/bytes'
import type { Command } from '../command.ts'
import type { Session } from '../session.ts'
import { addressRange } from './arguments.ts'

const PAGE =
  'learn.microsoft.com/windows-hardware/drivers/debuggercmds/d--da--db--dc--dd--dd--df--dp--dq--du--dw--dw--dyb--dyd--display-memory'
const ROW_BYTES = 16
const TEXT_ROW_BYTES = 32

export type MemoryFact =
  | {
      readonly kind: 'memory'
      readonly address: bigint
      readonly elementBytes: 1 | 2 | 4 | 8
      /** Digits of each element, with ?? for each byte that the target does not hold. */
      readonly values: readonly string[]
    }
  | {
      readonly kind: 'pointer'
      readonly address: bigint
      /** Null where the target does not hold it. */
      readonly value: bigint | null
      /** What it points to; null where that is in no module. */
      readonly symbol: string | null
    }
  | {
      readonly kind: 'text'
      readonly address: bigint
      /** Null where the target does not hold it. */
      readonly text: string | null
    }

interface Format {
  readonly elementBytes: 1 | 2 | 4 | 8
  readonly defaultCount: number
  readonly facts: (
    session: Session,
    address: bigint,
    count: number,
    elementBytes: 1 | 2 | 4 | 8,
  ) => AsyncIterable<MemoryFact> | Iterable<MemoryFact>
}

const FORMATS: Readonly<Record<string, Format>> = {
  db: { elementBytes: 1, defaultCount: 128, facts: elements },
  dw: { elementBytes: 2, defaultCount: 64, facts: elements },
  dd: { elementBytes: 4, defaultCount: 32, facts: elements },
  dq: { elementBytes: 8, defaultCount: 16, facts: elements },
  dp: { elementBytes: 8, defaultCount: 16, facts: elements },
  dps: { elementBytes: 8, defaultCount: 16, facts: pointers },
  da: { elementBytes: 1, defaultCount: 4096, facts: text },
  du: { elementBytes: 2, defaultCount: 2048, facts: text },
}

/** Where the next command without an address goes on. */
const nextAddress = new WeakMap<Session, bigint>()

export const d: Command<MemoryFact> = {
  names: Object.keys(FORMATS),
  help: {
    summary: 'show memory',
    usage: Object.keys(FORMATS).map((name) => `${name} [ADDRESS] [L COUNT]`),
    text:
      'db shows bytes and characters, dw, dd and dq numbers of 2, 4 and 8 bytes, dps pointers with the names of what they point to, ' +
      'da and du text up to a NUL. Memory that the dump does not hold is shown as ??. Without an address, continues after what was ' +
      'shown last.',
    examples: ['db nt L40', 'dps @rsp', 'du poi(nt!PsLoadedModuleList)+0x60'],
    follows: PAGE,
  },
  async *facts(session, { rest, name }) {
    const { elementBytes, defaultCount, facts } = FORMATS[name]!
    const fallback = nextAddress.get(session) ?? session.registerFile.ip
    const range = await addressRange(session, rest, rest === '' ? fallback : null, elementBytes)
    const count = range.count ?? defaultCount
    yield* facts(session, range.address, count, elementBytes)
    if (facts !== text) {
      nextAddress.set(session, BigInt.asUintN(64, range.address + BigInt(count * elementBytes)))
    }
  },
  print(fact, write) {
    switch (fact.kind) {
      case 'memory':
        write(
          `${hex64(fact.address)}  ${fact.elementBytes === 1 ? bytesText(fact.values) : numbersText(fact.values)}`,
        )
        return
      case 'pointer': {
        const name = fact.symbol === null ? '' : ` ${fact.symbol}`
        write(
          `${hex64(fact.address)}  ${fact.value === null ? '????????`????????' : `${hex64(fact.value)}${name}`}`,
        )
        return
      }
      case 'text':
        write(`${hex64(fact.address)}  "${fact.text ?? '????'}"`)
    }
  },
}

function* elements(
  session: Session,
  address: bigint,
  count: number,
  elementBytes: 1 | 2 | 4 | 8,
): Generator<MemoryFact> {
  const perRow = ROW_BYTES / elementBytes
  for (let at = 0; at < count; at += perRow) {
    const start = BigInt.asUintN(64, address + BigInt(at * elementBytes))
    const length = Math.min(perRow, count - at)
    const bytes = readRow(session, start, length * elementBytes)
    const values = Array.from({ length }, (_, index) => {
      let digits = ''
      for (let byte = (index + 1) * elementBytes - 1; byte >= index * elementBytes; byte--) {
        const value = bytes[byte]!
        digits += value === null ? '??' : value.toString(16).padStart(2, '0')
      }
      return digits
    })
    yield { kind: 'memory', address: start, elementBytes, values }
  }
}

/** `4d 5a 90 00 03 00 00 00-04 00 00 00 ff ff 00 00  MZ..............` */
function bytesText(values: readonly string[]): string {
  const shown = Array.from({ length: ROW_BYTES }, (_, index) => values[index] ?? '  ')
  const characters = values
    .map((digits) => (digits === '??' ? '?' : printable(Number.parseInt(digits, 16))))
    .join('')
  return `${shown.slice(0, 8).join(' ')}${values.length > 8 ? '-' : ' '}${shown.slice(8).join(' ')}  ${characters}`
}

const numbersText = (values: readonly string[]): string =>
  values
    .map((digits) => (digits.length === 16 ? `${digits.slice(0, 8)}\`${digits.slice(8)}` : digits))
    .join(' ')

/** Each byte, null where the dump does not hold it: holes are shown, not skipped. */
function readRow(session: Session, address: bigint, byteLength: number): (number | null)[] {
  const whole = session.memory.available(address, byteLength)
  if (whole.byteLength === byteLength) return [...whole]
  return Array.from(
    { length: byteLength },
    (_, at) => session.memory.available(address + BigInt(at), 1)[0] ?? null,
  )
}

const printable = (byte: number): string => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')

async function* pointers(session: Session, address: bigint, count: number): AsyncGenerator<MemoryFact> {
  for (let index = 0; index < count; index++) {
    const at = BigInt.asUintN(64, address + BigInt(index * 8))
    const value = session.memory.tryU64(at)
    const isNamed = value !== null && session.modules.at(value) !== null
    yield { kind: 'pointer', address: at, value, symbol: isNamed ? await session.symbolize(value) : null }
  }
}

function* text(session: Session, address: bigint, count: number, unit: number): Generator<MemoryFact> {
  const bytes = session.memory.available(address, count * unit)
  if (bytes.byteLength < unit) {
    yield { kind: 'text', address, text: null }
    return
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const rowLength = TEXT_ROW_BYTES / unit
  let row = ''
  let start = 0
  const rowFact = (): MemoryFact => ({ kind: 'text', address: address + BigInt(start * unit), text: row })
  for (let at = 0; at < bytes.byteLength / unit; at++) {
    const code = unit === 1 ? view.getUint8(at) : view.getUint16(at * 2, true)
    if (code === 0) {
      if (row !== '' || start === at) yield rowFact()
      return
    }
    row +=
      code >= 0x20 && code !== 0x7f && (unit === 2 ? code < 0x80 || code > 0x9f : code < 0x80)
        ? String.fromCharCode(code)
        : '.'
    if (row.length < rowLength) continue
    yield rowFact()
    row = ''
    start = at + 1
  }
  if (row !== '') yield rowFact()
}

import { hex64 } from '@dumpstack/bytes'
import type { Command, CommandContext } from '../command.ts'
import type { Session } from '../session.ts'
import { addressRange } from './arguments.ts'

const PAGE =
  'learn.microsoft.com/windows-hardware/drivers/debuggercmds/d--da--db--dc--dd--dd--df--dp--dq--du--dw--dw--dyb--dyd--display-memory'
const ROW_BYTES = 16

interface Format {
  readonly elementBytes: number
  readonly defaultCount: number
  show(context: CommandContext, address: bigint, count: number): void | Promise<void>
}

const FORMATS: Readonly<Record<string, Format>> = {
  db: { elementBytes: 1, defaultCount: 128, show: bytesAndText },
  dw: numbers(2, 64),
  dd: numbers(4, 32),
  dq: numbers(8, 16),
  dp: numbers(8, 16),
  dps: { elementBytes: 8, defaultCount: 16, show: pointers },
  da: { elementBytes: 1, defaultCount: 4096, show: (context, at, count) => text(context, at, count, 1) },
  du: { elementBytes: 2, defaultCount: 2048, show: (context, at, count) => text(context, at, count, 2) },
}

/** Where the next command without an address goes on. */
const nextAddress = new WeakMap<Session, bigint>()

export const d: Command = {
  names: Object.keys(FORMATS),
  help: {
    summary: 'show memory',
    usage: Object.keys(FORMATS).map((name) => `${name} [ADDRESS] [L COUNT]`),
    text:
      'db shows bytes and characters, dw, dd and dq numbers of 2, 4 and 8 bytes, dps pointers with the names of what they point to, ' +
      'da and du text up to a NUL. Memory that the dump does not hold is shown as ??. Without an address, goes on behind what was ' +
      'shown last.',
    examples: ['db nt L40', 'dps @rsp', 'du poi(nt!PsLoadedModuleList)+0x60'],
    follows: PAGE,
  },
  async run(context, rest, name) {
    const { session } = context
    const format = FORMATS[name]!
    const fallback = nextAddress.get(session) ?? session.registerFile.ip
    const range = await addressRange(session, rest, rest === '' ? fallback : null, format.elementBytes)
    const count = range.count ?? format.defaultCount
    await format.show(context, range.address, count)
    const isText = name === 'da' || name === 'du'
    if (!isText)
      nextAddress.set(session, BigInt.asUintN(64, range.address + BigInt(count * format.elementBytes)))
  },
}

async function bytesAndText(
  { session, print }: CommandContext,
  address: bigint,
  count: number,
): Promise<void> {
  for (let at = 0; at < count; at += ROW_BYTES) {
    await session.step()
    const row = Math.min(ROW_BYTES, count - at)
    const start = BigInt.asUintN(64, address + BigInt(at))
    const bytes = readRow(session, start, row)
    const cells = bytes.map((byte) => (byte === null ? '??' : byte.toString(16).padStart(2, '0')))
    const shown = Array.from({ length: ROW_BYTES }, (_, i) => cells[i] ?? '  ')
    const characters = bytes.map((byte) => (byte === null ? '?' : printable(byte))).join('')
    const middle = cells.length > 8 ? '-' : ' '
    print(
      `${hex64(start)}  ${shown.slice(0, 8).join(' ')}${middle}${shown.slice(8).join(' ')}  ${characters}`,
    )
  }
}

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

function numbers(elementBytes: 2 | 4 | 8, defaultCount: number): Format {
  const perRow = ROW_BYTES / elementBytes
  const cell = (bytes: readonly (number | null)[]): string => {
    const digits = [...bytes]
      .reverse()
      .map((byte) => (byte === null ? '??' : byte.toString(16).padStart(2, '0')))
      .join('')
    return elementBytes === 8 ? `${digits.slice(0, 8)}\`${digits.slice(8)}` : digits
  }
  return {
    elementBytes,
    defaultCount,
    async show({ session, print }, address, count) {
      for (let at = 0; at < count; at += perRow) {
        await session.step()
        const start = BigInt.asUintN(64, address + BigInt(at * elementBytes))
        const cells = Array.from({ length: Math.min(perRow, count - at) }, (_, i) =>
          cell(readRow(session, start + BigInt(i * elementBytes), elementBytes)),
        )
        print(`${hex64(start)}  ${cells.join(' ')}`)
      }
    },
  }
}

async function pointers({ session, print }: CommandContext, address: bigint, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await session.step()
    const at = BigInt.asUintN(64, address + BigInt(index * 8))
    const value = session.memory.tryU64(at)
    if (value === null) print(`${hex64(at)}  ????????\`????????`)
    else {
      const name = session.modules.at(value) === null ? '' : ` ${await session.symbolize(value)}`
      print(`${hex64(at)}  ${hex64(value)}${name}`)
    }
  }
}

const TEXT_ROW = { 1: 32, 2: 16 } as const

function text({ session, print }: CommandContext, address: bigint, count: number, unit: 1 | 2): void {
  const bytes = session.memory.available(address, count * unit)
  if (bytes.byteLength < unit) {
    print(`${hex64(address)}  "????"`)
    return
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let row = ''
  let start = 0
  const flush = (at: number): void => {
    print(`${hex64(address + BigInt(start * unit))}  "${row}"`)
    row = ''
    start = at
  }
  for (let at = 0; at < bytes.byteLength / unit; at++) {
    const code = unit === 1 ? view.getUint8(at) : view.getUint16(at * 2, true)
    if (code === 0) {
      if (row !== '' || start === at) flush(at)
      return
    }
    row +=
      code >= 0x20 && code !== 0x7f && (unit === 2 ? code < 0x80 || code > 0x9f : code < 0x80)
        ? String.fromCharCode(code)
        : '.'
    if (row.length === TEXT_ROW[unit]) flush(at + 1)
  }
  if (row !== '') flush(0)
}

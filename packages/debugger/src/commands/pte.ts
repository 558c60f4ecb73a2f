import { gpa, hex64 } from '@dumpstack/bytes'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import type { Session } from '../session.ts'

const LEVELS = [
  ['PXE', 39],
  ['PPE', 30],
  ['PDE', 21],
  ['PTE', 12],
] as const
const PFN_MASK = 0x0000_ffff_ffff_f000n
const VALID = 1n
const LARGE = 0x80n
const PROTOTYPE = 0x400n
const TRANSITION = 0x800n
const NO_EXECUTE = 1n << 63n
const COLUMN = 27

export const pte: Command = {
  names: ['!pte'],
  help: {
    summary: 'show the page table entries of an address',
    usage: ['!pte ADDRESS'],
    text:
      'Walks the page tables that the header of the dump names, and shows each entry: its own address, what it holds, the page frame, ' +
      'and its flags (C copy on write, G global, L large page, D dirty, A accessed, N no cache, T write through, K or U kernel or ' +
      'user, W or R writable or read only, E executable, V valid).',
    examples: ['!pte nt', '!pte @rsp'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-pte',
  },
  async run({ session, print }, rest) {
    const address = await evaluate(session, rest)
    const { physical } = session.dump
    if (physical === undefined) {
      throw new DebuggerError('MEMORY_ABSENT', '!pte: a minidump holds no page tables')
    }
    print(`${' '.repeat(43)}VA ${address.toString(16).padStart(16, '0')}`)
    const entries: { name: string; at: bigint | null; value: bigint | null }[] = []
    let table = BigInt(session.dump.header.directoryTableBase)
    for (const [name, shift] of LEVELS) {
      const entryAddress = table + ((address >> BigInt(shift)) & 0x1ffn) * 8n
      const bytes = new Uint8Array(8)
      const got = physical.read(gpa(Number(entryAddress)), bytes) // 48 bits
      const value = got < 8 ? null : new DataView(bytes.buffer).getBigUint64(0, true)
      entries.push({ name, at: virtualAddress(session, address, shift), value })
      if (value === null || (value & VALID) === 0n) break
      if (shift !== 39 && shift !== 12 && (value & LARGE) !== 0n) break
      table = value & PFN_MASK
    }
    print(
      entries
        .map(({ name, at }) => cell(`${name} at ${at === null ? 'unknown' : at.toString(16).toUpperCase()}`))
        .join('')
        .trimEnd(),
    )
    print(
      entries
        .map(({ value }) => cell(value === null ? 'not in the dump' : `contains ${digits(value)}`))
        .join('')
        .trimEnd(),
    )
    print(
      entries
        .map(({ value }) => cell(value === null ? '' : flags(value)))
        .join('')
        .trimEnd(),
    )
    const last = entries.at(-1)!
    if (last.value !== null && (last.value & VALID) === 0n) print(whereItIs(last.value))
  },
}

const cell = (text: string): string => `${text.padEnd(COLUMN)} `
const digits = (value: bigint): string => value.toString(16).toUpperCase().padStart(16, '0')

/** Where the self-map puts the entry: KDDEBUGGER_DATA64.PteBase, since Windows 10 1607 chosen at boot. */
function virtualAddress(session: Session, address: bigint, shift: number): bigint | null {
  const base = session.kdbg?.pteBase ?? 0n
  if (base === 0n) return null
  // Each level is the self-map applied once more to the level below.
  let at = address
  for (let level = 12; level <= shift; level += 9) at = base + ((at & 0xffff_ffff_ffffn) >> 12n) * 8n
  return BigInt.asUintN(64, at & ~7n)
}

function flags(value: bigint): string {
  if ((value & VALID) === 0n) return 'not valid'
  const bit = (mask: bigint, set: string, clear = '-') => ((value & mask) !== 0n ? set : clear)
  const shown = [
    bit(0x200n, 'C'),
    bit(0x100n, 'G'),
    bit(LARGE, 'L'),
    bit(0x40n, 'D'),
    bit(0x20n, 'A'),
    bit(0x10n, 'N'),
    bit(0x8n, 'T'),
    bit(0x4n, 'U', 'K'),
    bit(0x2n, 'W', 'R'),
    (value & NO_EXECUTE) === 0n ? 'E' : '-',
    'V',
  ].join('')
  return `pfn ${((value & PFN_MASK) >> 12n).toString(16).padEnd(9)} ${shown}`
}

/** The software forms of an entry that the processor does not use (MMPTE of the public types). */
function whereItIs(value: bigint): string {
  if (value === 0n) return 'not mapped: the entry is zero'
  if ((value & PROTOTYPE) !== 0n)
    return `Proto: ${hex64(BigInt.asUintN(64, BigInt.asIntN(64, value) >> 16n))}`
  if ((value & TRANSITION) !== 0n) return `Transition: ${((value & PFN_MASK) >> 12n).toString(16)}`
  if (value >> 32n === 0n) return `DemandZero, protection ${((value >> 5n) & 0x1fn).toString(16)}`
  return `PageFile: ${((value >> 12n) & 0xfn).toString(16)}, offset ${(value >> 32n).toString(16)}`
}

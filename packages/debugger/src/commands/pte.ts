import { gva, hex64 } from '@dumpstack/bytes'
import { pageTableEntries } from '@dumpstack/dumpfile'
import {
  PTE_ACCESSED,
  PTE_CACHE_DISABLE,
  PTE_COPY_ON_WRITE,
  PTE_DIRTY,
  PTE_GLOBAL,
  PTE_LARGE_PAGE,
  PTE_NO_EXECUTE_HIGH,
  PTE_OWNER,
  PTE_PROTOTYPE,
  PTE_TRANSITION,
  PTE_VALID,
  PTE_WRITE,
  PTE_WRITE_THROUGH,
} from '@dumpstack/nt'
import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import type { Session } from '../session.ts'

/** By the bit of an address where the index of the level starts. */
const LEVEL_NAMES: Readonly<Record<number, string>> = { 39: 'PXE', 30: 'PPE', 21: 'PDE', 12: 'PTE' }
const FLAGS: readonly (readonly [mask: number, set: string, clear: string])[] = [
  [PTE_COPY_ON_WRITE, 'C', '-'],
  [PTE_GLOBAL, 'G', '-'],
  [PTE_LARGE_PAGE, 'L', '-'],
  [PTE_DIRTY, 'D', '-'],
  [PTE_ACCESSED, 'A', '-'],
  [PTE_CACHE_DISABLE, 'N', '-'],
  [PTE_WRITE_THROUGH, 'T', '-'],
  [PTE_OWNER, 'U', 'K'],
  [PTE_WRITE, 'W', 'R'],
]
const COLUMN = 27

export type PageTableFact = {
  readonly kind: 'pageTableEntries'
  readonly address: bigint
  /** From the first level to the last that was walked. */
  readonly entries: readonly EntryFact[]
}

type EntryFact = {
  readonly level: string
  /** Virtual address of the entry itself; null where it is not known. */
  readonly address: bigint | null
  /** Null where the target does not hold the entry. */
  readonly value: bigint | null
  readonly frame: number
}

export const pte: Command<PageTableFact> = {
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
  async *facts(session, { rest }) {
    const address = await evaluate(session, rest)
    const { physical } = session.target
    if (physical === null) {
      throw new DebuggerError('MEMORY_ABSENT', '!pte: a minidump holds no page tables')
    }
    const entries = pageTableEntries(session.system.directoryTableBase, gva(address), physical)
    yield {
      kind: 'pageTableEntries',
      address,
      entries: entries.map(({ shift, isHeld, high, low, frame }) => ({
        level: LEVEL_NAMES[shift]!,
        address: virtualAddress(session, address, shift),
        value: isHeld ? (BigInt(high) << 32n) | BigInt(low) : null,
        frame,
      })),
    }
  },
  print({ address, entries }, write) {
    const row = (cellOf: (entry: EntryFact) => string): void =>
      write(
        entries
          .map((entry) => `${cellOf(entry).padEnd(COLUMN)} `)
          .join('')
          .trimEnd(),
      )
    write(`${' '.repeat(43)}VA ${digits(address)}`)
    row(({ level, address: at }) => `${level} at ${at === null ? 'unknown' : at.toString(16).toUpperCase()}`)
    row(({ value }) => (value === null ? 'not in the dump' : `contains ${digits(value).toUpperCase()}`))
    row(({ value, frame }) => (value === null ? '' : flags(value, frame)))
    const { value, frame } = entries.at(-1)!
    if (value !== null && (lowHalf(value) & PTE_VALID) === 0) write(whereItIs(value, frame))
  },
}

const digits = (value: bigint): string => value.toString(16).padStart(16, '0')
const lowHalf = (value: bigint): number => Number(value & 0xffff_ffffn)
const highHalf = (value: bigint): number => Number(value >> 32n)

/** Where the self-map puts the entry: KDDEBUGGER_DATA64.PteBase, since Windows 10 1607 chosen at boot. */
function virtualAddress(session: Session, address: bigint, shift: number): bigint | null {
  const base = session.kdbg?.pteBase ?? 0n
  if (base === 0n) return null
  // Each level is the self-map applied once more to the level below.
  let at = address
  for (let level = 12; level <= shift; level += 9) at = base + ((at & 0xffff_ffff_ffffn) >> 12n) * 8n
  return BigInt.asUintN(64, at & ~7n)
}

function flags(value: bigint, frame: number): string {
  const [high, low] = [highHalf(value), lowHalf(value)]
  if ((low & PTE_VALID) === 0) return 'not valid'
  const shown = FLAGS.map(([mask, set, clear]) => ((low & mask) !== 0 ? set : clear)).join('')
  const executable = (high & PTE_NO_EXECUTE_HIGH) === 0 ? 'E' : '-'
  return `pfn ${frame.toString(16).padEnd(9)} ${shown}${executable}V`
}

/** The software forms of an entry that the processor does not use (MMPTE of the public types). */
function whereItIs(value: bigint, frame: number): string {
  const [high, low] = [highHalf(value), lowHalf(value)]
  if (high === 0 && low === 0) return 'not mapped: the entry is zero'
  // the address is signed and starts at bit 16
  if ((low & PTE_PROTOTYPE) !== 0)
    return `Proto: ${hex64(BigInt.asUintN(64, (BigInt(high | 0) << 16n) | BigInt(low >>> 16)))}`
  if ((low & PTE_TRANSITION) !== 0) return `Transition: ${frame.toString(16)}`
  if (high === 0) return `DemandZero, protection ${((low >> 5) & 0x1f).toString(16)}`
  return `PageFile: ${((low >> 12) & 0xf).toString(16)}, offset ${high.toString(16)}`
}

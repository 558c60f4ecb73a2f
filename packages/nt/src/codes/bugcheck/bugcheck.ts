// A bugcheck by its code: its name, what it means, and what its four parameters are. The facts are tables by subject beside
// this file; here they are looked up and what a number says by itself is put into words.
import { irqlText } from '../irql.ts'
import { ntstatusName } from '../ntstatus.ts'
import { DRIVER_BUGCHECKS } from './driver.ts'
import { EXCEPTION_BUGCHECKS } from './exception.ts'
import { FAULT_BUGCHECKS } from './fault.ts'
import { HARDWARE_BUGCHECKS } from './hardware.ts'
import { LIVE_DUMP_NAMES } from './live-dump-names.ts'
import { BUGCHECK_NAMES } from './names.ts'
import { type BugcheckMeaning, type BugcheckMeanings, low32, type ParameterKind } from './parameter.ts'
import { POOL_BUGCHECKS } from './pool.ts'
import { SYSTEM_BUGCHECKS } from './system.ts'
import { VERIFIER_BUGCHECKS } from './verifier.ts'
import { VERIFIER_IO_DMA_BUGCHECKS } from './verifier-io-dma.ts'
import { VIDEO_BUGCHECKS } from './video.ts'

export { MANUALLY_INITIATED_CRASH } from './names.ts'
export type { ParameterKind } from './parameter.ts'

export const BUGCHECK_TABLES: readonly BugcheckMeanings[] = [
  DRIVER_BUGCHECKS,
  EXCEPTION_BUGCHECKS,
  FAULT_BUGCHECKS,
  HARDWARE_BUGCHECKS,
  POOL_BUGCHECKS,
  SYSTEM_BUGCHECKS,
  VERIFIER_BUGCHECKS,
  VERIFIER_IO_DMA_BUGCHECKS,
  VIDEO_BUGCHECKS,
]

/** Bit 28 marks the variant that the debugger prints with _M after the name: 0x1000007E. */
export const BUGCHECK_M_VARIANT = 0x1000_0000

const nameOf = (code: number): string | null => BUGCHECK_NAMES.get(code) ?? LIVE_DUMP_NAMES.get(code) ?? null

/** The code without the bit of the variant, where only the code without it has a name. */
export const bugcheckBase = (code: number): number =>
  nameOf(code) === null ? (code & ~BUGCHECK_M_VARIANT) >>> 0 : code

/** `MANUALLY_INITIATED_CRASH`; null for a code without a public name. */
export function bugcheckName(code: number): string | null {
  const base = bugcheckBase(code)
  const name = nameOf(base)
  return name === null || base === code ? name : `${name}_M`
}

/** True of a code that never stops a system: the dump was taken of one that went on. */
export const isLiveDumpCode = (code: number): boolean => LIVE_DUMP_NAMES.has(code)

function meaningOf(code: number): BugcheckMeaning | null {
  const base = bugcheckBase(code)
  for (const table of BUGCHECK_TABLES) {
    const meaning = table[base]
    if (meaning !== undefined) return meaning
  }
  return null
}

/** What KeBugCheckEx is called with. */
export interface Bugcheck {
  readonly code: number
  readonly parameters: readonly [bigint, bigint, bigint, bigint]
}

export interface DescribedParameter {
  readonly value: bigint
  readonly kind: ParameterKind
  /** What it is: "the address that was referenced". */
  readonly text: string
  /** What the number says by itself: "write", "DISPATCH_LEVEL", "STATUS_ACCESS_VIOLATION"; null where it takes the dump to say. */
  readonly decoded: string | null
}

export interface BugcheckDescription {
  /** One sentence. */
  readonly text: string
  /** A clause about the kind of violation; null where the bugcheck has no kinds, or has one that is not documented. */
  readonly caseText: string | null
  readonly parameters: readonly DescribedParameter[]
}

/** Null for a bugcheck whose parameters are not described here. */
export function describeBugcheck(code: number, parameters: readonly bigint[]): BugcheckDescription | null {
  const meaning = meaningOf(code)
  if (meaning === null) return null
  const key = (meaning.caseOf ?? ((values) => values[0] ?? 0n))(parameters)
  const found = meaning.cases?.[Number(key)] ?? null
  return {
    text: meaning.text,
    caseText: found?.text ?? null,
    parameters: (found ?? meaning).parameters.map(({ kind, text, values }, index) => {
      const value = parameters[index] ?? 0n
      return { value, kind, text, decoded: values?.[Number(value)] ?? decode(kind, value) }
    }),
  }
}

/** The first parameter of a kind, such as `instruction` (the code at fault) or `context`; null where there is none. */
export const parameterOfKind = (description: BugcheckDescription, kind: ParameterKind): bigint | null =>
  description.parameters.find((parameter) => parameter.kind === kind)?.value ?? null

function decode(kind: ParameterKind, value: bigint): string | null {
  switch (kind) {
    case 'ntstatus':
      return ntstatusName(Number(low32(value)))
    case 'irql':
      return irqlText(Number(low32(value)))
    case 'count':
    case 'bytes':
      return value.toString()
    case 'poolTag':
      return poolTagText(value)
    case 'poolType':
      // _POOL_TYPE of wdm.h: bit 0 is paged; 512 is nonpaged pool that cannot be executed.
      return (value & 1n) !== 0n ? 'paged' : value === 512n ? 'nonpaged, no execute' : 'nonpaged'
    case 'sourceLine':
      return `file 0x${(low32(value) >> 16n).toString(16)}, line ${value & 0xffffn}`
    default:
      return null
  }
}

/** The four letters of a pool tag, lowest byte first; null where one is no printable ASCII character. */
function poolTagText(value: bigint): string | null {
  const letters = [0n, 8n, 16n, 24n].map((shift) => Number((value >> shift) & 0xffn))
  if (letters.some((letter) => letter < 0x20 || letter > 0x7e)) return null
  return `'${String.fromCharCode(...letters)}'`
}

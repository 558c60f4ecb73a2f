// What verification found: one row per check, three verdicts, and remarks. A check fails a file only on what is documented,
// or true of every genuine dump at hand, and harms a reader; anything else that is odd is a remark, and passes. What this
// reader does not know is inconclusive. Each check names its evidence where it stands: the document, or how many genuine
// dumps obey (eight minidumps of builds 9600, 17763, 19041 and 22000 were at hand, and printed headers of full dumps).
import { hex } from '@dumpstack/bytes'
import { DumpError } from '../dump-error.ts'

export type Verdict = 'pass' | 'fail' | 'inconclusive'

/** One thing that was checked; a failed one says where, what stood there and what was expected. */
export interface DumpCheck {
  /** `file-size`, `bitmap-population`, `kdbg`, ...: stable, documented in docs/formats/crash-dump.md. */
  readonly id: string
  readonly verdict: Verdict
  readonly message: string
  /** The check passes, and what it found is worth a look: the message begins with `unusual: `. */
  readonly remark?: true
  /** File offset, hex; absent where no single place is to blame. */
  readonly offset?: string
  readonly found?: string
  readonly expected?: string
}

export interface Finding {
  readonly offset?: number
  readonly found?: number | bigint | string
  readonly expected?: number | bigint | string
}

export class Checks {
  readonly rows: DumpCheck[] = []

  pass(id: string, message: string): void {
    this.rows.push({ id, verdict: 'pass', message })
  }

  fail(id: string, message: string, finding: Finding = {}): void {
    this.#add(id, 'fail', message, finding)
  }

  /** Nothing that harms a reader, or that a rule forbids. */
  remark(id: string, message: string, finding: Finding = {}): void {
    this.#add(id, 'pass', `unusual: ${message}`, finding, true)
  }

  /** What this reader does not know. */
  notRead(id: string, message: string, finding: Finding = {}): void {
    this.#add(id, 'inconclusive', `not read: ${message}`, finding)
  }

  /** A part that could not be read: by whose fault, the error says. */
  refuse(id: string, error: unknown): void {
    if (!(error instanceof DumpError)) throw error
    if (verdictOfRefusal(error) === 'inconclusive') this.notRead(id, error.message)
    else {
      const { offset, found, expected } = error.fields
      const text = (value: unknown) =>
        typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string'
          ? { value: typeof value === 'string' ? value : hex(value) }
          : null
      this.rows.push({
        id,
        verdict: 'fail',
        message: error.message,
        ...(typeof offset === 'number' && offset >= 0 && { offset: hex(offset) }),
        ...(text(found) && { found: text(found)!.value }),
        ...(text(expected) && { expected: text(expected)!.value }),
      })
    }
  }

  /** What the dump does not say. */
  inconclusive(id: string, message: string, finding: Finding = {}): void {
    this.#add(id, 'inconclusive', message, finding)
  }

  get verdict(): Verdict {
    if (this.rows.some((row) => row.verdict === 'fail')) return 'fail'
    return this.rows.some((row) => row.verdict === 'inconclusive') ? 'inconclusive' : 'pass'
  }

  #add(
    id: string,
    verdict: Verdict,
    message: string,
    { offset, found, expected }: Finding,
    isRemark = false,
  ): void {
    const text = (value: number | bigint | string) => (typeof value === 'string' ? value : hex(value))
    const place = offset === undefined || offset < 0 ? '' : ` at offset ${hex(offset)}`
    const facts = [
      ...(found === undefined ? [] : [`found ${text(found)}`]),
      ...(expected === undefined ? [] : [`expected ${text(expected)}`]),
    ].join(', ')
    this.rows.push({
      id,
      verdict,
      message: `${message}${place}${facts === '' ? '' : `: ${facts}`}`,
      ...(isRemark && { remark: true as const }),
      ...(place !== '' && offset !== undefined && { offset: hex(offset) }),
      ...(found !== undefined && { found: text(found) }),
      ...(expected !== undefined && { expected: text(expected) }),
    })
  }
}

/** What this reader cannot judge: a good dump, perhaps, of a kind that it does not read. */
const NOT_READ: ReadonlySet<string> = new Set([
  'DUMP_UNSUPPORTED_TYPE',
  'DUMP_UNSUPPORTED_MACHINE',
  'DUMP_ENCRYPTED',
  'DUMP_TOO_LARGE',
])

/** The verdict on a file that an error kept from being read. */
export const verdictOfRefusal = (error: DumpError): 'fail' | 'inconclusive' =>
  NOT_READ.has(error.code) ? 'inconclusive' : 'fail'

/** The one check of a file that was not opened. */
export function refusalCheck(error: DumpError): DumpCheck & { readonly code: string } {
  const verdict = verdictOfRefusal(error)
  const message = verdict === 'inconclusive' ? `not read: ${error.message}` : error.message
  return { id: 'format', verdict, message, code: error.code }
}

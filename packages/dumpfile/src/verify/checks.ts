// What verification found: one row per check, three verdicts.
import { hex } from '@dumpstack/bytes'

export type Verdict = 'pass' | 'fail' | 'inconclusive'

/** One thing that was checked; a failed one says where, what stood there and what was expected. */
export interface DumpCheck {
  /** `file-size`, `bitmap-population`, `kdbg`, ...: stable, documented in docs/formats/crash-dump.md. */
  readonly id: string
  readonly verdict: Verdict
  readonly message: string
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

  inconclusive(id: string, message: string, finding: Finding = {}): void {
    this.#add(id, 'inconclusive', message, finding)
  }

  /** Passes or fails one comparison. */
  equal(
    id: string,
    what: string,
    offset: number,
    found: number | bigint,
    expected: number | bigint,
  ): boolean {
    if (BigInt(found) === BigInt(expected)) {
      this.pass(id, `${what} is ${hex(found)}`)
      return true
    }
    this.fail(id, `${what} differs`, { offset, found, expected })
    return false
  }

  get verdict(): Verdict {
    if (this.rows.some((row) => row.verdict === 'fail')) return 'fail'
    return this.rows.some((row) => row.verdict === 'inconclusive') ? 'inconclusive' : 'pass'
  }

  #add(id: string, verdict: Verdict, message: string, { offset, found, expected }: Finding): void {
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
      ...(place !== '' && offset !== undefined && { offset: hex(offset) }),
      ...(found !== undefined && { found: text(found) }),
      ...(expected !== undefined && { expected: text(expected) }),
    })
  }
}

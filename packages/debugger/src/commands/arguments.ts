// How commands read their arguments: addresses and counts as `db ADDRESS [L COUNT]`, patterns with * and ?.
import { DebuggerError } from '../errors.ts'
import { evaluate } from '../expression.ts'
import type { Session } from '../session.ts'

export interface AddressRange {
  readonly address: bigint
  /** Elements; null where the user gave none. */
  readonly count: number | null
}

/** What one command shows at most, so that a wrong count costs a second and no more. */
const MAX_COUNT = 0x10000

/** `ADDRESS`, `ADDRESS L8`, `ADDRESS L 8`, `ADDRESS END`; `fallback` where nothing is given. */
export async function addressRange(
  session: Session,
  rest: string,
  fallback: bigint | null,
  elementBytes: number,
): Promise<AddressRange> {
  const match = /^(.*?)(?:\s+l\s*\??([^\s].*))?$/is.exec(rest.trim())!
  let start = match[1]!.trim()
  if (start === '') {
    if (fallback === null) throw new DebuggerError('ARGUMENT', 'an address is missing')
    return { address: fallback, count: match[2] === undefined ? null : await countOf(session, match[2]) }
  }
  if (match[2] !== undefined) {
    return { address: await evaluate(session, start), count: await countOf(session, match[2]) }
  }
  const gap = /^(\S+)\s+([^-+*/%&|^<>=)\s].*)$/.exec(start)
  if (gap === null) return { address: await evaluate(session, start), count: null }
  start = gap[1]!
  const address = await evaluate(session, start)
  const end = await evaluate(session, gap[2]!)
  if (end < address) throw new DebuggerError('ARGUMENT', `the range ends before it starts: '${rest.trim()}'`)
  const elements = (end - address) / BigInt(elementBytes) + 1n
  return { address, count: bounded(elements) }
}

const countOf = async (session: Session, text: string): Promise<number> =>
  bounded(await evaluate(session, text))

function bounded(count: bigint): number {
  if (count > BigInt(MAX_COUNT)) {
    throw new DebuggerError(
      'ARGUMENT',
      `0x${count.toString(16)} elements are too many, at most 0x10000 are shown`,
    )
  }
  return Number(count)
}

/** A matcher for `nt!Ke*`: * is any text, ? one character; case does not count. */
export function wildcard(pattern: string): (text: string) => boolean {
  // Both pointers only move forward, so that no pattern takes long.
  const wanted = pattern.toLowerCase()
  return (text) => {
    const given = text.toLowerCase()
    let [p, t, star, retry] = [0, 0, -1, 0]
    while (t < given.length) {
      if (p < wanted.length && (wanted[p] === '?' || wanted[p] === given[t]) && wanted[p] !== '*') {
        p++
        t++
      } else if (wanted[p] === '*') {
        star = p++
        retry = t
      } else if (star >= 0) {
        p = star + 1
        t = ++retry
      } else return false
    }
    while (wanted[p] === '*') p++
    return p === wanted.length
  }
}

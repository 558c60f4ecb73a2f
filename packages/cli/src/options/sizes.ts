// Sizes on the command line: a number and B, K, M, G or T (binary multiples).
import { memPlus } from '@dumpstack/crashtest'
import { InvalidArgumentError } from 'commander'

const UNITS: Readonly<Record<string, number>> = { B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }
export const MEGABYTE = 2 ** 20

/** Bytes; null when `text` is no size with a suffix. */
function suffixedSize(text: string): number | null {
  const match = /^(\d{1,15})([BKMGT])$/i.exec(text)
  if (match === null) return null
  const bytes = Number(match[1]) * UNITS[match[2]!.toUpperCase()]!
  return Number.isSafeInteger(bytes) ? bytes : null
}

export function parseSize(text: string): number {
  const bytes = suffixedSize(text)
  if (bytes === null) throw new InvalidArgumentError('Expected a size such as 512M, 1G or 1073094656B.')
  return bytes
}

/** A page file's size in bytes, once RAM is known. */
export type PageFileSize = (ramBytes: number) => number

export function parsePageFileSize(text: string): PageFileSize {
  const plus = /^mem\+(\d{1,9})$/i.exec(text)
  if (plus !== null) return (ramBytes) => memPlus(ramBytes, Number(plus[1]))
  if (/^\d{1,9}$/.test(text)) return () => Number(text) * MEGABYTE
  const bytes = suffixedSize(text)
  if (bytes === null) {
    throw new InvalidArgumentError(
      'Expected a number of MB, mem+N (RAM in MB plus N), or bytes such as 1074143232B.',
    )
  }
  return () => bytes
}

/** A whole number between the bounds, in decimal. */
export function parseWhole(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= lowest && value <= highest)) {
      throw new InvalidArgumentError(`Expected a whole number from ${lowest} to ${highest}.`)
    }
    return value
  }
}

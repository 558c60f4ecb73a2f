// Conditions as source text, from the values of the instruction in the same block that set the flags last.
import { FlagKind } from '../flags.ts'

/** A value as source: names or literals, safe to repeat. Up to 32 bits only `lo`, sign-extended. */
export interface Value {
  readonly lo: string
  readonly hi: string
}

/** What the last instruction that set flags left in local names. */
export interface FlagSource {
  readonly kind: 'add' | 'sub' | 'logic' | 'result'
  readonly isWide: boolean
  readonly result: Value
  readonly left: Value
  readonly right: Value
  /** Expressions of booleans, for `result`. */
  readonly carry: string
  readonly overflow: string
  readonly adjust: string
}

export const flagKindOf = (source: FlagSource): number =>
  FlagKind[source.kind] | (source.isWide ? FlagKind.wide : 0)

const below = (a: Value, b: Value, isWide: boolean): string =>
  isWide
    ? `(${a.hi}>>>0<${b.hi}>>>0||${a.hi}===${b.hi}&&${a.lo}>>>0<${b.lo}>>>0)`
    : `(${a.lo}>>>0<${b.lo}>>>0)`

const less = (a: Value, b: Value, isWide: boolean): string =>
  isWide ? `(${a.hi}<${b.hi}||${a.hi}===${b.hi}&&${a.lo}>>>0<${b.lo}>>>0)` : `(${a.lo}<${b.lo})`

export function carryText(source: FlagSource): string {
  switch (source.kind) {
    case 'add':
      return below(source.result, source.left, source.isWide)
    case 'sub':
      return below(source.left, source.right, source.isWide)
    case 'logic':
      return 'false'
    default:
      return source.carry
  }
}

const zeroText = ({ isWide, result }: FlagSource): string =>
  isWide ? `((${result.lo}|${result.hi})===0)` : `(${result.lo}===0)`

const signText = ({ isWide, result }: FlagSource): string => `(${isWide ? result.hi : result.lo}<0)`

export function overflowText(source: FlagSource): string {
  const top = ({ lo, hi }: Value): string => (source.isWide ? hi : lo)
  const { left, right, result } = source
  switch (source.kind) {
    case 'add':
      return `(((${top(left)}^${top(result)})&(${top(right)}^${top(result)}))<0)`
    case 'sub':
      return `(((${top(left)}^${top(right)})&(${top(left)}^${top(result)}))<0)`
    case 'logic':
      return 'false'
    default:
      return source.overflow
  }
}

export function adjustText({ kind, left, result, adjust }: FlagSource): string {
  switch (kind) {
    case 'add':
      return `((${result.lo}&15)<(${left.lo}&15))`
    case 'sub':
      return `((${left.lo}&15)<(${result.lo}&15))`
    case 'logic':
      return 'false'
    default:
      return adjust
  }
}

function lessText(source: FlagSource): string {
  if (source.kind === 'sub') return less(source.left, source.right, source.isWide)
  if (source.kind === 'logic') return signText(source)
  return `(${signText(source)}!==${overflowText(source)})`
}

/** By the condition's encoding; parity is `even[...]`, a table that generated code knows. */
export function conditionText(source: FlagSource, code: number): string {
  const positive = ((): string => {
    switch (code >>> 1) {
      case 0:
        return overflowText(source)
      case 1:
        return carryText(source)
      case 2:
        return zeroText(source)
      case 3:
        return `(${carryText(source)}||${zeroText(source)})`
      case 4:
        return signText(source)
      case 5:
        return `(even[${source.result.lo}&255]!==0)`
      case 6:
        return lessText(source)
      default:
        return `(${zeroText(source)}||${lessText(source)})`
    }
  })()
  return (code & 1) === 0 ? positive : `!(${positive})`
}

// The dump-mode rules that a driver broke, each once, with the routine it was in. The same rule broken again at the same place is counted,
// whatever numbers its message has.
import { type Gva, hex } from '@dumpstack/bytes'
import { type DumpModeRuleId, type DumpModeViolation, SEVERITIES, type Severity } from '@dumpstack/nt'
import { irqlText } from '../irql.ts'
import type { LoadedImage } from '../kernel-services.ts'
import type { CallSite } from '../miniport.ts'

/** A driver that breaks more has been judged. */
const MAX_VIOLATIONS = 256
/** A rule that one call has broken so often is counted on without looking where: a loop may break it millions of times. */
const MAX_LOOKED_AT = 1000

export interface BrokenRule {
  /** `fail` where it is absent. */
  readonly severity?: Severity
  readonly rule: DumpModeRuleId
  /** The port routine or access, or the entry point itself. */
  readonly call: string
  readonly message: string
  readonly driver: LoadedImage
  /** Address of the driver's routine that ran. */
  readonly routine: Gva
  readonly irql: number
  readonly atNs: number
  /** Where a compiled driver's code was: looked at for what is new, because unwinding takes longer than the rest. */
  readonly site?: () => CallSite | null
}

export class ViolationLog {
  readonly #counted: (DumpModeViolation & { count: number; severity: Severity })[] = []

  get violations(): readonly DumpModeViolation[] {
    return this.#counted
  }

  /** A rule may be kept loosely only where the dump is good all the same: one that was not becomes the reason, where there is no other. */
  dumpFailed(): void {
    if (this.#counted.some(({ severity }) => severity === 'fail')) return
    for (const one of this.#counted) if (one.severity === 'warning') one.severity = 'fail'
  }

  add({ severity = 'fail', rule, call, message, driver, routine, irql, atNs, ...broken }: BrokenRule): void {
    const alike = this.#counted.filter((one) => one.rule === rule && one.call === call)
    const isLookedAt = alike.reduce((sum, one) => sum + one.count, 0) < MAX_LOOKED_AT
    const same = alike.find((one) => one.message === message) ?? (isLookedAt ? undefined : alike.at(-1))
    const site = same === undefined ? (broken.site?.() ?? null) : null
    const address = site?.address ?? routine
    const known = same ?? alike.find((one) => one.address === hex(address))
    if (known !== undefined) {
      known.count++
      if (isWorse(severity, known.severity)) known.severity = severity
      return
    }
    if (this.#counted.length === MAX_VIOLATIONS) return
    const isInside = address >= driver.base && address < driver.base + BigInt(driver.size)
    this.#counted.push({
      severity,
      rule,
      call,
      message,
      count: 1,
      driver: driver.baseName,
      address: hex(address),
      ...(isInside && { offset: hex(address - driver.base) }),
      irql: irqlText(site?.irql ?? irql),
      atNs,
      ...(site && { arguments: site.arguments, bytes: hexBytes(site.bytes), stack: site.stack }),
      ...(site?.source && { source: site.source }),
    })
  }
}

const isWorse = (one: Severity, other: Severity): boolean =>
  SEVERITIES.indexOf(one) < SEVERITIES.indexOf(other)

/** `48 8b 00`. */
export const hexBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')

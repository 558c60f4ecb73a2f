// The dump-mode rules that a driver broke, each once, with the routine it was in.
import { type Gva, hex } from '@dumpstack/bytes'
import type { DumpModeRuleId, DumpModeViolation, Severity } from '@dumpstack/nt'
import { irqlText } from '../irql.ts'
import type { LoadedImage } from '../kernel-services.ts'
import type { CallSite } from '../miniport.ts'

/** A driver that breaks more has been judged. */
const MAX_VIOLATIONS = 256

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
  readonly #counted: (DumpModeViolation & { count: number })[] = []

  get violations(): readonly DumpModeViolation[] {
    return this.#counted
  }

  add({ severity = 'fail', rule, call, message, driver, routine, irql, atNs, ...broken }: BrokenRule): void {
    const known = this.#counted.find(
      (one) => one.rule === rule && one.call === call && one.message === message,
    )
    if (known !== undefined) {
      known.count++
      return
    }
    if (this.#counted.length === MAX_VIOLATIONS) return
    const site = broken.site?.() ?? null
    const address = site?.address ?? routine
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

/** `48 8b 00`. */
export const hexBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')

// The dump-mode rules that a driver broke, each once, with the routine it was in.
import { type Gva, hex } from '@dumpstack/bytes'
import type { DumpModeRuleId, DumpModeViolation } from '@dumpstack/nt'
import { irqlText } from '../irql.ts'
import type { LoadedImage } from '../kernel-services.ts'
import type { CallSite } from '../miniport.ts'

/** A driver that breaks more has been judged. */
const MAX_VIOLATIONS = 256

export interface BrokenRule {
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
  readonly violations: DumpModeViolation[] = []
  add({ rule, call, message, driver, routine, irql, atNs, ...broken }: BrokenRule): void {
    if (this.violations.length === MAX_VIOLATIONS) return
    const isKnown = this.violations.some(
      (known) => known.rule === rule && known.call === call && known.message === message,
    )
    if (isKnown) return
    const site = broken.site?.() ?? null
    const address = site?.address ?? routine
    const isInside = address >= driver.base && address < driver.base + BigInt(driver.size)
    this.violations.push({
      rule,
      call,
      message,
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

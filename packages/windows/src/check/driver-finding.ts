// The result of a contract check of a driver file: findings, each with the place in the driver's code.
import { hex } from '@dumpstack/bytes'
import { type CallSite, hexBytes, irqlText, type LoadedImage } from '@dumpstack/drivers'
import type { DumpModeRuleId, DumpModeViolation, Severity, SourcePlace } from '@dumpstack/nt'
import { type LifeSettings, lifeText } from './settings.ts'

/** How far the driver had come. */
export type CheckPhase = 'start' | 'running' | 'dump'

export interface DriverFinding {
  /** inconclusive: not modelled, so that nothing can be said. */
  readonly verdict: Severity | 'inconclusive'
  /** DM-nn, or what happened: `bugcheck-0xd1`, `CONTROLLER_FAILED`, `wrong-data`. */
  readonly rule: string
  readonly call: string
  readonly message: string
  /** How often it was seen at this place. */
  readonly count: number
  readonly phase: CheckPhase
  /** What was not plain where it showed: `plain`, `queueSize 8`; no more than it needs to show. */
  readonly setting: string
  readonly settings: LifeSettings
  readonly driver: string
  /** Image offset of the caller or of the faulting instruction; absent where no code of the driver is to blame. */
  readonly offset?: string
  readonly arguments: readonly string[]
  readonly stack: readonly string[]
  /** The line of the offset, where the PDB has it. */
  readonly source?: SourcePlace
  /** Code at the offset. */
  readonly bytes?: string
  readonly irql?: string
  /** Virtual nanoseconds since power on. */
  readonly atNs: number
}

/** One life. */
export interface DriverCheckRun {
  readonly setting: string
  /** Whether the dump was written to its end. */
  readonly finished: boolean
  readonly bytesWritten: number
  /** From power on to the end of the dump, by the machine's clock. */
  readonly machineSeconds: number
  /** The part of that from the crash on. */
  readonly dumpSeconds: number
  /** Guest instructions, in both lives. */
  readonly instructions: number
  /** What they made the host do, in instructions (ADR 0015). */
  readonly work: number
}

export interface DriverCheckReport {
  readonly verdict: 'pass' | 'fail' | 'inconclusive'
  readonly controller: string
  readonly findings: readonly DriverFinding[]
  readonly runs: readonly DriverCheckRun[]
  /** The user stopped it: these are the lives until then, and its verdict is inconclusive. */
  readonly interrupted: boolean
}

/** A finding of these rules is why the dump ended. */
export const ENDS_THE_DUMP: ReadonlySet<DumpModeRuleId> = new Set([
  'DM-23',
  'DM-26',
  'DM-42',
  'DM-46',
  'integrity-gate',
  'page-tables',
])

export const ofViolation = (
  violation: DumpModeViolation,
  phase: CheckPhase,
  life: LifeSettings,
): DriverFinding => ({
  verdict: violation.severity,
  rule: violation.rule,
  call: violation.call,
  message: violation.message,
  count: violation.count,
  phase,
  setting: lifeText(life),
  settings: life,
  driver: violation.driver,
  ...(violation.offset !== undefined && { offset: violation.offset }),
  arguments: violation.arguments ?? [],
  stack: violation.stack ?? [],
  ...(violation.source !== undefined && { source: violation.source }),
  ...(violation.bytes !== undefined && violation.bytes !== '' && { bytes: violation.bytes }),
  irql: violation.irql,
  atNs: violation.atNs,
})

const isInside = ({ base, size }: LoadedImage, address: bigint): boolean =>
  address >= base && address < base + BigInt(size)

/** Where the driver's code was, as a finding says it. */
export function placeOf(
  site: CallSite | null,
  image: LoadedImage | undefined,
): Pick<DriverFinding, 'arguments' | 'stack' | 'source' | 'offset' | 'bytes' | 'irql'> {
  if (site === null) return { arguments: [], stack: [] }
  const bytes = hexBytes(site.bytes)
  return {
    arguments: site.arguments,
    stack: site.stack,
    ...(site.source !== null && { source: site.source }),
    ...(image !== undefined && isInside(image, site.address) && { offset: hex(site.address - image.base) }),
    ...(bytes !== '' && { bytes }),
    ...(site.irql !== null && { irql: irqlText(site.irql) }),
  }
}

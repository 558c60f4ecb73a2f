// `--known-issues FILE`: a list of findings that are accepted, each with a reason. A known issue is shown, and does not count.
import { Facts, KeptRunError, list, object, optional, type Static, text } from '@dumpstack/target'
import type { DriverFinding } from '@dumpstack/windows'
import { readBeginning } from '../files/named-input.ts'
import { UsageError } from '../program/usage-error.ts'

const MAX_BYTES = 2 ** 20

const knownIssue = object({ rule: text, driver: optional(text), version: optional(text), reason: text })
const knownIssues = object({ knownIssues: list(knownIssue) })
export type KnownIssue = Static<typeof knownIssue>

/** Throws UsageError for a file that is no such list, or has an entry for every driver. */
export function readKnownIssues(file: string): readonly KnownIssue[] {
  const wrong = (what: string, cause?: unknown): UsageError =>
    new UsageError(`--known-issues ${what}`, { cause })
  const bytes = readBeginning(file, MAX_BYTES + 1)
  if (bytes.byteLength > MAX_BYTES) throw wrong(`${file} has more than ${MAX_BYTES} bytes`)
  const json = new TextDecoder().decode(bytes)
  let issues: readonly KnownIssue[]
  try {
    issues = knownIssues.of(Facts.parse(json, file)).knownIssues
  } catch (error) {
    if (!(error instanceof KeptRunError)) throw error
    throw wrong(error.message, error)
  }
  const open = issues.findIndex(({ driver, version }) => driver === undefined && version === undefined)
  if (open >= 0)
    throw wrong(`${file}: entry ${open} names neither a driver nor a version, expected one of them or both`)
  return issues
}

/** The file that was checked. */
export interface CheckedVersion {
  readonly fileName: string
  /** The file version in its resources. */
  readonly fileVersion: string | null
}

/** The reason that the list gives for accepting the finding; null where it is not listed. */
export function knownReason(
  issues: readonly KnownIssue[],
  { fileName, fileVersion }: CheckedVersion,
  { rule }: Pick<DriverFinding, 'rule'>,
): string | null {
  const known = issues.find(
    (issue) =>
      issue.rule === rule &&
      (issue.driver === undefined || issue.driver.toLowerCase() === fileName.toLowerCase()) &&
      (issue.version === undefined || issue.version === fileVersion),
  )
  return known?.reason ?? null
}

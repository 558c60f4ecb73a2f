// Findings of a driver check as SARIF 2.1.0 (OASIS standard), for the code scanning pages of forges. A place is a line of the sources
// where the driver's PDB has it, and an offset in the driver's image (address objects, section 3.32) in any case. What GitHub's code
// scanning asks for beyond the standard is in its "SARIF support" page: a first line, fingerprints, help of each rule, relative URIs.
import { createHash } from 'node:crypto'
import { type DumpModeRule, findDumpModeRule, ruleExample, ruleSources } from '@dumpstack/nt'
import type { DriverFinding } from '@dumpstack/windows'
import type { CheckedFile, CheckedFinding } from './check-file.ts'
import { fileUri, sourceUri } from './source-files.ts'

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json'
/** For a finding that has an error code in place of a rule. */
const NOT_A_RULE =
  'The driver is loaded, starts and runs the disk, with what is modelled of the system (docs/errors.md).'

/** Section 3.27.9: only what failed has a level. */
const LEVELS = {
  fail: { level: 'error', kind: 'fail' },
  warning: { level: 'warning', kind: 'fail' },
  note: { level: 'note', kind: 'fail' },
  inconclusive: { level: 'none', kind: 'open' },
} as const satisfies Record<DriverFinding['verdict'], object>

/** `homepage`: where the project is kept, with its docs/ below; null where it is not given. */
export function sarifOf(
  toolVersion: string,
  homepage: string | null,
  checked: readonly CheckedFile[],
  isStrict: boolean,
): object {
  const rules = [...new Set(checked.flatMap(({ findings }) => findings.map(({ rule }) => rule)))]
  const fingerprints = new Fingerprints()
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'dumpstack',
            version: toolVersion,
            ...(homepage !== null && { informationUri: homepage }),
            rules: rules.map((id) => ({ id, ...textsOf(findDumpModeRule(id), homepage) })),
          },
        },
        artifacts: checked.map(({ file, driver }) => ({
          location: { uri: fileUri(file) },
          ...(driver.executed && { hashes: { 'sha-256': driver.sha256 } }),
        })),
        results: checked.flatMap(({ file, findings }, index) =>
          findings.map((finding) => ({
            ...resultOf(finding, { uri: fileUri(file), index }, file, rules, isStrict),
            partialFingerprints: { primaryLocationLineHash: fingerprints.of(finding) },
          })),
        ),
      },
    ],
  }
}

/** The driver file, by its place among the artifacts of the log. */
interface Artifact {
  readonly uri: string
  readonly index: number
}

/** Section 3.49: what a viewer shows of a rule. */
function textsOf(rule: DumpModeRule | undefined, homepage: string | null): object {
  if (rule === undefined) {
    const text = { text: NOT_A_RULE }
    return { shortDescription: text, fullDescription: text, help: text }
  }
  const { id, title, why, howToFix } = rule
  const page = `docs/rules/${id}.md`
  const text = `${title} ${why}\n\nHow to fix it: ${howToFix}`
  return {
    shortDescription: { text: title },
    fullDescription: { text: `${title} ${why}` },
    helpUri: homepage === null ? rule.sources[0]!.url : `${homepage}/${page}`,
    help: {
      text,
      markdown: `${text}\n\n${ruleExample(rule)}\n\nSources: ${ruleSources(rule)}. In the documentation: ${page}`,
    },
  }
}

function resultOf(
  finding: CheckedFinding,
  artifact: Artifact,
  file: string,
  rules: readonly string[],
  isStrict: boolean,
): object {
  const { rule, call, message, stack, repro, knownIssue, secondCrash } = finding
  const where = stack.length > 0 ? ` (${stack.map(placeOf).join(' < ')})` : ''
  const frames = stack.map((frame) => ({ location: { logicalLocations: [logicalOf(frame)] } }))
  return {
    ruleId: rule,
    ruleIndex: rules.indexOf(rule),
    ...LEVELS[isStrict && finding.verdict === 'warning' ? 'fail' : finding.verdict],
    // section 3.35: a known issue stays in the log and is suppressed
    ...(knownIssue !== undefined && { suppressions: [{ kind: 'external', justification: knownIssue }] }),
    message: { text: `${call}: ${message}${where}` },
    analysisTarget: artifact,
    locations: [
      {
        physicalLocation: physicalOf(finding, artifact, file),
        ...(stack[0] !== undefined && { logicalLocations: [logicalOf(stack[0])] }),
      },
    ],
    ...(frames.length > 0 && { stacks: [{ message: { text: `calls to ${call}` }, frames }] }),
    properties: {
      phase: finding.phase,
      setting: finding.setting,
      driver: finding.driver,
      arguments: finding.arguments,
      ...(finding.bytes !== undefined && { bytes: finding.bytes }),
      ...(finding.irql !== undefined && { irql: finding.irql }),
      atNs: finding.atNs,
      repro,
      ...(secondCrash !== undefined && { secondCrash }),
    },
  }
}

/** Without a line of the sources it is the driver file, as a whole: its first line. */
function physicalOf({ source, offset, driver }: DriverFinding, artifact: Artifact, file: string): object {
  return {
    artifactLocation: source ? { uri: sourceUri(source.file, file) } : artifact,
    region: { startLine: source?.line ?? 1 },
    ...(offset !== undefined && {
      address: {
        relativeAddress: Number.parseInt(offset, 16),
        kind: 'instruction',
        fullyQualifiedName: `${driver}+${offset}`,
      },
    }),
  }
}

/** `dump_viostor!VirtIoBuildIo+0x1c [c:\src\viostor.c @ 120]` */
function logicalOf(frame: string): object {
  return { name: functionOf(frame), fullyQualifiedName: placeOf(frame), kind: 'function' }
}

const placeOf = (frame: string): string => frame.replace(/ \[.*/, '')

const functionOf = (frame: string): string => {
  const place = placeOf(frame)
  return place.slice(place.indexOf('!') + 1).replace(/\+0x[0-9a-f]+$/, '')
}

/** The same for the same defect in the next build: neither addresses nor lines count, but which functions called what. */
class Fingerprints {
  readonly #seen = new Map<string, number>()

  of({ rule, call, stack }: DriverFinding): string {
    const what = [rule, call, ...stack.map(functionOf)].join('\n')
    const hash = createHash('sha256').update(what).digest('hex').slice(0, 16)
    const count = (this.#seen.get(hash) ?? 0) + 1
    this.#seen.set(hash, count)
    return `${hash}:${count}`
  }
}

// Findings of a driver check as SARIF 2.1.0 (OASIS standard), for the code scanning pages of forges. A place is an offset in the driver
// file's image (address objects, section 3.32): there are no source lines without the driver's sources.
import type { DriverFinding } from '@dumpstack/windows'

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json'

export interface SarifRun {
  readonly toolVersion: string
  readonly file: string
  /** Null where the file was not read to its end. */
  readonly sha256: string | null
  readonly findings: readonly DriverFinding[]
  readonly repro: string
}

export function sarifOf({ toolVersion, file, sha256, findings, repro }: SarifRun): object {
  const rules = [...new Set(findings.map(({ rule }) => rule))]
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'dumpstack',
            version: toolVersion,
            rules: rules.map((id) => ({ id, shortDescription: { text: descriptionOf(id) } })),
          },
        },
        artifacts: [
          { location: { uri: uriOf(file) }, ...(sha256 !== null && { hashes: { 'sha-256': sha256 } }) },
        ],
        results: findings.map((finding) => resultOf(finding, file, rules, repro)),
      },
    ],
  }
}

function resultOf(finding: DriverFinding, file: string, rules: readonly string[], repro: string): object {
  const { rule, call, message, stack, offset } = finding
  const where = stack.length > 0 ? ` (${stack.join(' < ')})` : ''
  const frames = stack.map((frame) => ({ location: { logicalLocations: [logicalOf(frame)] } }))
  return {
    ruleId: rule,
    ruleIndex: rules.indexOf(rule),
    // section 3.27.9: only what failed has a level
    level: finding.verdict === 'fail' ? 'error' : 'none',
    kind: finding.verdict === 'fail' ? 'fail' : 'open',
    message: { text: `${call}: ${message}${where}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(file), index: 0 },
          ...(offset !== undefined && { address: { relativeAddress: Number.parseInt(offset, 16) } }),
        },
        ...(stack[0] !== undefined && { logicalLocations: [logicalOf(stack[0])] }),
      },
    ],
    ...(frames.length > 0 && { stacks: [{ message: { text: `calls to ${call}` }, frames }] }),
    properties: {
      phase: finding.phase,
      hardware: finding.hardware,
      driver: finding.driver,
      arguments: finding.arguments,
      ...(finding.bytes !== undefined && { bytes: finding.bytes }),
      ...(finding.irql !== undefined && { irql: finding.irql }),
      atNs: finding.atNs,
      repro,
    },
  }
}

/** `dump_viostor!VirtIoBuildIo+0x1c` */
function logicalOf(frame: string): object {
  const name = frame.slice(frame.indexOf('!') + 1).replace(/\+0x[0-9a-f]+$/, '')
  return { name, fullyQualifiedName: frame, kind: 'function' }
}

const descriptionOf = (rule: string): string =>
  rule.startsWith('DM-') ? `rule ${rule} for miniports in dump mode` : rule

const uriOf = (file: string): string => file.split(/[\\/]/).map(encodeURIComponent).join('/')

// `dumpstack check FILE.sys...`: the contract check of driver files, as text, JSON, JUnit and SARIF. Whatever ends it, what was asked for
// is written with the files that were checked until then.
import { Interrupted, printableJson } from '@dumpstack/bytes'
import type { Verdict } from '@dumpstack/crashtest'
import { besideOf } from '../driver/driver-file.ts'
import { checkDistinct, checkOutput, writeOutput } from '../files/output-file.ts'
import { exitCodeOf } from '../program/exit-code.ts'
import { catchInterrupts } from '../program/interrupt.ts'
import { UsageError } from '../program/usage-error.ts'
import { printJson, printLines } from '../terminal/terminal.ts'
import { type CheckedFile, type CheckOptions, checkFile } from './check-file.ts'
import { checkJunit } from './check-junit.ts'
import { fileLines, filesLine } from './check-lines.ts'
import type { checkPage } from './check-page.ts'
import { driverFiles } from './driver-files.ts'
import { showOnGithub } from './github.ts'
import { readKnownIssues } from './known-issues.ts'
import { LifeThreads } from './life-threads.ts'
import { sarifOf } from './sarif.ts'
import { SecondCrashes } from './second-crashes.ts'

const RESULT_SCHEMA = 'docs/schema/check-result.schema.json'
const RESULTS_SCHEMA = 'docs/schema/check-results.schema.json'

export interface CheckRequest
  extends Omit<CheckOptions, 'knownIssues' | 'secondCrashes' | 'stopFlag' | 'threads'> {
  /** Driver files, and folders of them. */
  readonly places: readonly string[]
  /** File with a list of known issues. */
  readonly known: string | null
  /** The folder for dumps of lives that a driver ended. */
  readonly secondCrash: string | null
  readonly junit: string | null
  readonly sarif: string | null
  /** The file, and what prints the page: it is loaded where it is asked for. */
  readonly html: { readonly file: string; readonly checkPage: typeof checkPage } | null
  readonly json: boolean
  /** Threads that run lives; null: as many as this host has use for. */
  readonly threadCount: number | null
  /** What GitHub Actions shows is written. */
  readonly github: boolean
  readonly toolVersion: string
}

export function runCheck(request: CheckRequest): number {
  const startedAt = performance.now()
  const checked: CheckedFile[] = []
  const seconds = (): number => (performance.now() - startedAt) / 1000
  let files: readonly string[] = []
  let refusal: unknown = null
  try {
    files = driverFiles(request.places)
    checkPdb(request, files)
  } catch (error) {
    refusal = error
  }
  const reads = readsOf(request, files)
  try {
    checkOutputs(request, reads)
  } catch (error) {
    // an output that may not be written is not
    if (request.json) printJson(resultsOf(request, checked, seconds(), reasonOf(error)))
    throw error
  }
  if (refusal !== null) {
    write(request, checked, files.length, seconds(), reasonOf(refusal))
    throw refusal
  }
  const interrupt = catchInterrupts()
  const threads = request.isWhole ? new LifeThreads(request.threadCount) : null
  try {
    const knownIssues = request.known === null ? [] : readKnownIssues(request.known)
    const secondCrashes = request.secondCrash === null ? null : new SecondCrashes(request.secondCrash, reads)
    const { stopFlag } = interrupt
    const stop = stopFlag === undefined ? {} : { stopFlag }
    const options = { ...request, knownIssues, secondCrashes, threads, ...stop }
    for (const file of files) {
      const one = checkFile(file, options)
      checked.push(one)
      if (!request.json) printLines(fileLines(one, checked.length < files.length))
      if (one.interrupted) throw new Interrupted()
    }
  } catch (error) {
    write(request, checked, files.length, seconds(), reasonOf(error))
    throw error
  } finally {
    interrupt.release()
    threads?.close()
  }
  write(request, checked, files.length, seconds(), null)
  return exitCodeOf(worst(checked))
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const readsOf = ({ places, pdb, known }: CheckRequest, files: readonly string[]): (string | null)[] => [
  ...places,
  known,
  ...files.flatMap((file) => [file, pdb ?? besideOf(file)]),
]

function checkPdb({ pdb }: CheckRequest, files: readonly string[]): void {
  if (pdb !== null && files.length > 1)
    throw new UsageError(`--pdb belongs to one driver, and ${files.length} are to be checked`)
}

function checkOutputs({ sarif, junit, html }: CheckRequest, reads: readonly (string | null)[]): void {
  checkDistinct([
    ['--sarif', sarif],
    ['--junit', junit],
    ['--html', html?.file ?? null],
  ])
  if (sarif !== null) checkOutput('--sarif', 'sarif', sarif, reads)
  if (junit !== null) checkOutput('--junit', 'junit', junit, reads)
  if (html !== null) checkOutput('--html', 'report', html.file, reads)
}

/** `brokenOff` says why not all files were checked; null where they were. */
function write(
  request: CheckRequest,
  checked: readonly CheckedFile[],
  files: number,
  seconds: number,
  brokenOff: string | null,
): void {
  const { json, junit, sarif, html, toolVersion } = request
  const verdict = verdictOf(checked, brokenOff)
  const [only] = checked
  const isOne = files === 1 && only !== undefined && brokenOff === null
  if (json) printJson(isOne ? resultOf(request, only) : resultsOf(request, checked, seconds, brokenOff))
  else if (files > 1) printLines(filesLine(checked, verdict, seconds))
  if (junit !== null) writeOutput(junit, checkJunit(checked, request, brokenOff))
  if (sarif !== null) {
    const log = sarifOf(toolVersion, homepage(process.env), checked, request.isStrict)
    writeOutput(sarif, `${printableJson(JSON.stringify(log, null, 2))}\n`)
  }
  if (html !== null) writeOutput(html.file, html.checkPage(toolVersion, checked, verdict, brokenOff))
  if (request.github) showOnGithub(checked, verdict, request.isStrict)
}

const WORST_FIRST: readonly Verdict[] = ['fail', 'inconclusive', 'pass']
const worst = (checked: readonly CheckedFile[]): Verdict =>
  WORST_FIRST.find((verdict) => checked.some((one) => one.verdict === verdict)) ?? 'inconclusive'

const verdictOf = (checked: readonly CheckedFile[], brokenOff: string | null): Verdict =>
  brokenOff === null ? worst(checked) : 'inconclusive'

const optionsOf = ({ profile, seed, settings, isWhole, isStrict }: CheckRequest): object => ({
  profile: profile.name,
  seed,
  settings,
  plan: isWhole ? 'full' : 'one',
  strict: isStrict,
})

const resultOf = (request: CheckRequest, checked: CheckedFile): object => ({
  schema: RESULT_SCHEMA,
  productVersion: request.toolVersion,
  options: optionsOf(request),
  verdict: checked.verdict,
  errata: checked.findings.filter(({ knownIssue }) => knownIssue !== undefined).length,
  driver: checked.driver,
  controller: checked.controller,
  findings: checked.findings,
  runs: checked.runs,
  interrupted: checked.interrupted,
  machineSeconds: checked.runs.reduce((sum, run) => sum + run.machineSeconds, 0),
  hostSeconds: checked.hostSeconds,
})

const resultsOf = (
  request: CheckRequest,
  checked: readonly CheckedFile[],
  hostSeconds: number,
  brokenOff: string | null,
): object => ({
  schema: RESULTS_SCHEMA,
  productVersion: request.toolVersion,
  options: optionsOf(request),
  verdict: verdictOf(checked, brokenOff),
  brokenOff,
  results: checked.map((one) => ({ file: one.file, ...resultOf(request, one) })),
  hostSeconds,
})

/** Where this project is kept, as the action of its repository knows it: https, without a slash at its end. */
function homepage({ DUMPSTACK_HOMEPAGE: given }: NodeJS.ProcessEnv): string | null {
  return given !== undefined && URL.canParse(given) && given.startsWith('https://') ? given : null
}

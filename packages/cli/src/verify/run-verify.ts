// `dumpstack verify FILE`: whether a dump is whole by its own contents, without any truth to compare it with.
import { hex, hex64 } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { mebibytes } from '@dumpstack/crashtest'
import {
  type DumpCheck,
  DumpError,
  moduleFileName,
  refusalCheck,
  type VerifyReport,
  verdictOfRefusal,
  verifyDump,
} from '@dumpstack/dumpfile'
import { readNamed } from '../files/named-input.ts'
import { exitCodeOf } from '../program/exit-code.ts'
import { catchInterrupts } from '../program/interrupt.ts'
import { bold, green, type Line, painted, red, yellow } from '../terminal/painted.ts'
import { ProgressLine, printJson, printLines } from '../terminal/terminal.ts'

const VERIFY_SCHEMA = 'docs/schema/verify-result.schema.json'

export async function runVerify(file: string, json: boolean, allPages: boolean): Promise<number> {
  const source = readNamed(file, () => new FileSource(file))
  const interrupt = catchInterrupts()
  try {
    const report = await drain(verifyDump(source, { allPages }), interrupt.signal)
    if (json) printJson(reportAsJson(file, report))
    else printLines(reportLines(file, report))
    return exitCodeOf(report.verdict)
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    if (json) printJson(refusalAsJson(file, error))
    else printLines(refusalLines(file, error))
    return exitCodeOf(verdictOfRefusal(error))
  } finally {
    interrupt.release()
    source.close()
  }
}

async function drain(work: Generator<number, VerifyReport>, signal: AbortSignal): Promise<VerifyReport> {
  const progress = new ProgressLine()
  let shown = -1
  try {
    for (;;) {
      const step = work.next()
      if (step.done) return step.value
      if (step.value === shown) continue
      shown = step.value
      progress.show(`verifying ${shown} %`)
      await new Promise<void>((resolve) => setImmediate(resolve))
      signal.throwIfAborted()
    }
  } finally {
    progress.clear()
  }
}

function reportLines(file: string, report: VerifyReport): Line[] {
  const pages = report.pageCount === null ? '' : `, ${report.pageCount} pages`
  const name = report.bugcheckName === null ? '' : ` ${report.bugcheckName}`
  return [
    bold(file),
    `  type       ${report.dumpTypeName} (${report.dumpType}), ${mebibytes(report.byteLength)}${pages}`,
    `  system     build ${report.build}, ${report.machineName}, ${report.processorCount} processor${report.processorCount === 1 ? '' : 's'}`,
    `  bugcheck   ${hex(report.bugcheckCode)}${name} (${report.bugcheckParameters.map((value) => hex(value)).join(', ')})`,
    '',
    `Modules: ${report.loaded.length} loaded, ${report.unloaded.length} unloaded`,
    ...report.loaded.map(
      (module) => `  ${hex64(module.base)}  ${hex(module.size).padStart(10)}  ${moduleFileName(module)}`,
    ),
    ...report.unloaded.map(
      (module) =>
        `  ${hex64(module.start)}  ${hex(module.end - module.start).padStart(10)}  ${module.name} (unloaded)`,
    ),
    '',
    'Checks:',
    ...report.checks.map((check) => painted`  ${checkWord(check)}  ${check.id}: ${check.message}`),
    '',
    `Verdict: ${report.verdict}`,
  ]
}

function checkWord({ verdict, remark }: DumpCheck): Line {
  if (remark === true) return yellow('note')
  if (verdict === 'pass') return green('pass')
  return verdict === 'fail' ? red('FAIL') : yellow('open')
}

function refusalLines(file: string, error: DumpError): Line[] {
  const check = refusalCheck(error)
  return [
    bold(file),
    painted`  ${checkWord(check)}  ${check.message} [${check.code}]`,
    '',
    `Verdict: ${check.verdict}`,
  ]
}

const refusalAsJson = (file: string, error: DumpError): object => ({
  schema: VERIFY_SCHEMA,
  verdict: verdictOfRefusal(error),
  file,
  dumpType: null,
  dumpTypeName: null,
  build: null,
  machine: null,
  processorCount: null,
  bugcheck: null,
  byteLength: null,
  pageCount: null,
  modules: { loaded: [], unloaded: [] },
  checks: [refusalCheck(error)],
})

const reportAsJson = (file: string, report: VerifyReport): object => ({
  schema: VERIFY_SCHEMA,
  verdict: report.verdict,
  file,
  dumpType: report.dumpType,
  dumpTypeName: report.dumpTypeName,
  build: report.build,
  machine: hex(report.machine),
  processorCount: report.processorCount,
  bugcheck: {
    code: hex(report.bugcheckCode),
    name: report.bugcheckName,
    parameters: report.bugcheckParameters.map((value) => hex(value)),
  },
  byteLength: report.byteLength,
  pageCount: report.pageCount,
  modules: {
    loaded: report.loaded.map((module) => ({
      name: moduleFileName(module),
      fullName: module.fullName,
      base: hex(module.base),
      size: hex(module.size),
      checkSum: hex(module.checkSum),
      timeDateStamp: hex(module.timeDateStamp),
    })),
    unloaded: report.unloaded.map((module) => ({
      name: module.name,
      start: hex(module.start),
      end: hex(module.end),
    })),
  },
  checks: report.checks,
})

// kd: the debugger at a terminal, behind a pipe or in a script. `dumpstack kd` is the same program.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { printable } from '@dumpstack/bytes'
import { FileSource, isSystemError, systemReason } from '@dumpstack/bytes/node'
import {
  banner,
  Debugger,
  DebuggerError,
  DumpTarget,
  type LogFile,
  placeLines,
  Session,
} from '@dumpstack/debugger'
import { DumpError } from '@dumpstack/dumpfile'
import { bugcheckName } from '@dumpstack/nt'
import { runOfFile } from '@dumpstack/run/guarded'
import { dumpOnHost, runFolderHere, windowsRootsOf } from '../drive/run-drive.ts'
import { readNamed } from '../files/named-input.ts'
import { isSameFile } from '../files/same-file.ts'
import { EXIT_INFRASTRUCTURE, exitCodeOf } from '../program/exit-code.ts'
import { reportFailure } from '../program/failure.ts'
import { HostSymbols } from '../symbols/host-symbols.ts'
import { ProgressLine, printJson, printText, tell } from '../terminal/terminal.ts'
import { IcedDisassembler } from './kd-disassembler.ts'
import { downloadLines, watchedSource } from './kd-downloads.ts'
import { openLines } from './kd-lines.ts'
import { KD_HELP, type KdOptions, parseKdOptions } from './kd-options.ts'

export async function runKd(args: readonly string[], environment = process.env): Promise<number> {
  try {
    const options = parseKdOptions(args, environment)
    if (options === null) {
      printText(KD_HELP)
      return exitCodeOf('pass')
    }
    return await debug(options, runFolderHere(environment))
  } catch (error) {
    const code = reportFailure(error, false)
    return error instanceof DumpError ? exitCodeOf('fail') : code
  }
}

async function debug(options: KdOptions, runFolder: string | null): Promise<number> {
  const dump = dumpOnHost(options.file, runFolder)
  const source = readNamed(dump, () => new FileSource(dump))
  const progress = new ProgressLine()
  const onEvent = downloadLines({ tell, progress })
  const host = new HostSymbols(options.symbolPath ?? '', windowsRootsOf(runFolder), onEvent)
  const symbols = watchedSource(host, progress)
  try {
    const session = new Session({
      target: new DumpTarget(source, options.file),
      symbols,
      disassembler: new IcedDisassembler(),
      nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
    })
    const target = new Debugger({
      session,
      write: (text) => {
        if (!options.json) printText(text)
      },
      openLog: (file, append) => openLog(file, append, dump),
    })
    if (options.log !== null) target.openLog(options.log.file, options.log.append)
    const results = await converse(target, options)
    target.closeLog()
    if (options.json) printJson(report(options.file, session, results))
    return target.hasLostLog ? EXIT_INFRASTRUCTURE : exitCodeOf('pass')
  } finally {
    source.close()
  }
}

type Results = Awaited<ReturnType<Debugger['execute']>>

/** The banner, the commands of -c, then lines until the input ends or a command quits. */
async function converse(target: Debugger, options: KdOptions): Promise<Results> {
  const results: Results = []
  let controller = new AbortController()
  const interrupt = (): void => controller.abort()
  process.on('SIGINT', interrupt)
  const run = async (line: string): Promise<void> => {
    controller = new AbortController()
    results.push(...(await target.execute(line, controller.signal)))
  }
  /** The crash's own line: Ctrl-C ends the look-up of its names, not the debugger. */
  const place = async (): Promise<void> => {
    target.session.signal = controller.signal
    try {
      for (const line of await placeLines(target.session)) target.line(line)
    } catch (error) {
      if (!controller.signal.aborted) throw error
      target.line('^ interrupted')
    }
  }
  try {
    for (const line of banner(target.session, version())) target.line(line)
    await place()
    if (options.commands !== null) {
      target.line(`${target.prompt}kd: Reading initial command '${options.commands}'`)
      await run(options.commands)
    }
    if (target.hasQuit) return results
    const lines = openLines({
      input: process.stdin,
      output: process.stdout,
      complete: (word) => completions(target, word),
      onInterrupt: interrupt,
      write: (text) => target.write(text),
    })
    try {
      while (!target.hasQuit) {
        const line = await lines.next(target.prompt)
        if (line === null) break
        target.logInput(process.stdin.isTTY ? `${target.prompt}${line}\n` : `${line}\n`)
        await run(line)
      }
      if (!target.hasQuit) target.line('quit:')
    } finally {
      lines.close()
    }
    return results
  } finally {
    process.off('SIGINT', interrupt)
  }
}

const MOST_COMPLETIONS = 200

/** Commands, modules, and behind `module!` the names whose symbols are loaded; a name that cannot be shown is not offered. */
function completions(target: Debugger, word: string): string[] {
  const bang = word.indexOf('!')
  const { modules } = target.session
  const module = bang > 0 ? modules.named(word.slice(0, bang)) : null
  if (module === null) {
    return [...target.commands.flatMap(({ names }) => names), ...modules.all.map(({ name }) => `${name}!`)]
      .filter((candidate) => candidate.startsWith(word) && printable(candidate) === candidate)
      .slice(0, MOST_COMPLETIONS)
  }
  const found: string[] = []
  for (const { name } of module.names()) {
    const candidate = `${module.name}!${name}`
    if (candidate.startsWith(word) && printable(candidate) === candidate) found.push(candidate)
    if (found.length === MOST_COMPLETIONS) break
  }
  return found
}

function openLog(file: string, append: boolean, dump: string): LogFile {
  const run = runOfFile(file)
  if (run !== null) {
    throw new DebuggerError('LOG_IO', `cannot write the log ${file}: it is a file of the run in ${run}`, {
      file,
    })
  }
  if (isSameFile(file, dump)) {
    throw new DebuggerError('LOG_IO', `cannot write the log ${file}: it is the dump`, { file })
  }
  const tried = <Result>(action: () => Result): Result => {
    try {
      return action()
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new DebuggerError('LOG_IO', `cannot write the log ${file}: ${systemReason(error)}`, { file })
    }
  }
  const handle = tried(() => openSync(file, append ? 'a' : 'w'))
  return { write: (text) => tried(() => writeSync(handle, text)), close: () => closeSync(handle) }
}

function report(file: string, session: Session, results: Results): unknown {
  const { system, target } = session
  const hex = (value: bigint | number) => `0x${value.toString(16)}`
  return {
    file,
    dumpType: target.dump?.header.dumpType,
    build: system.build,
    processors: system.processorCount,
    bugcheck: {
      code: hex(system.bugcheckCode),
      name: bugcheckName(system.bugcheckCode),
      parameters: system.bugcheckParameters.map(hex),
    },
    modules: session.modules.all.length,
    commands: results,
  }
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version // our own manifest
}

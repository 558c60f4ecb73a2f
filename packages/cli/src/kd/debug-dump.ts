// A conversation about a dump: at a terminal, behind a pipe or in a script.
import { closeSync, constants, lstatSync, openSync, writeSync } from 'node:fs'
import { printable } from '@dumpstack/bytes'
import { FileSource, isSystemError, systemReason } from '@dumpstack/bytes/node'
import { Debugger, DebuggerError, factJson, type LogFile, opening } from '@dumpstack/debugger'
import { DumpError } from '@dumpstack/dumpfile'
import { runOfFile } from '@dumpstack/run/guarded'
import { dumpOnHost, runFolderHere, windowsRootsOf } from '../drive/run-drive.ts'
import { readNamed } from '../files/named-input.ts'
import { GUARD, obstacleOf } from '../files/output-file.ts'
import { isSameFile } from '../files/same-file.ts'
import { EXIT_INFRASTRUCTURE, exitCodeOf } from '../program/exit-code.ts'
import { reportFailure } from '../program/failure.ts'
import { version } from '../program/version.ts'
import { HostSymbols } from '../symbols/host-symbols.ts'
import { ProgressLine, printJsonLine, printText, tell } from '../terminal/terminal.ts'
import { downloadLines, watchedSource } from './kd-downloads.ts'
import { openLines } from './kd-lines.ts'
import type { KdOptions } from './kd-options.ts'
import { sessionOf } from './session.ts'

const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } = constants

/** Answers the exit code; throws what is wrong with the host. */
export async function debugDump(options: KdOptions, environment: NodeJS.ProcessEnv): Promise<number> {
  try {
    return await debug(options, runFolderHere(environment))
  } catch (error) {
    if (!(error instanceof DumpError)) throw error
    reportFailure(error, false)
    return exitCodeOf('fail')
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
    const target = new Debugger({
      session: sessionOf(source, options.file, symbols),
      write: options.json ? null : printText,
      ...(options.json && { onFact: (command, fact) => printJsonLine(factJson(command, fact)) }),
      openLog: (file, append) => openLog(file, append, dump),
    })
    if (options.log !== null) target.openLog(options.log.file, options.log.append)
    await converse(target, options)
    target.closeLog()
    return target.hasLostLog ? EXIT_INFRASTRUCTURE : exitCodeOf('pass')
  } finally {
    source.close()
  }
}

/** The banner, the commands of -c, then lines until the input ends or a command quits. */
async function converse(target: Debugger, options: KdOptions): Promise<void> {
  let controller = new AbortController()
  const interrupt = (): void => controller.abort()
  process.on('SIGINT', interrupt)
  const run = async (line: string): Promise<void> => {
    controller = new AbortController()
    await target.execute(line, controller.signal)
  }
  try {
    await target.open(opening(version()), controller.signal)
    if (options.commands !== null) {
      target.line(`${target.prompt}kd: Reading initial command '${options.commands}'`)
      await run(options.commands)
    }
    if (target.hasQuit) return
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
  } finally {
    process.off('SIGINT', interrupt)
  }
}

const MAX_COMPLETIONS = 200

/** Commands, modules, and after `module!` the names whose symbols are loaded; a name that cannot be shown is not offered. */
function completions(target: Debugger, word: string): string[] {
  const bang = word.indexOf('!')
  const { modules } = target.session
  const module = bang > 0 ? modules.named(word.slice(0, bang)) : null
  if (module === null) {
    return [...target.commands.flatMap(({ names }) => names), ...modules.all.map(({ name }) => `${name}!`)]
      .filter((candidate) => candidate.startsWith(word) && printable(candidate) === candidate)
      .slice(0, MAX_COMPLETIONS)
  }
  const found: string[] = []
  for (const { name } of module.names()) {
    const candidate = `${module.name}!${name}`
    if (candidate.startsWith(word) && printable(candidate) === candidate) found.push(candidate)
    if (found.length === MAX_COMPLETIONS) break
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
  const found = lstatSync(file, { throwIfNoEntry: false })
  const obstacle = found === undefined ? null : obstacleOf(found)
  if (obstacle !== null)
    throw new DebuggerError('LOG_IO', `cannot write the log ${file}: it ${obstacle}`, { file })
  const tried = <Result>(action: () => Result): Result => {
    try {
      return action()
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new DebuggerError('LOG_IO', `cannot write the log ${file}: ${systemReason(error)}`, { file })
    }
  }
  const handle = tried(() =>
    openSync(file, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC) | GUARD, 0o666),
  )
  return { write: (text) => tried(() => writeSync(handle, text)), close: () => closeSync(handle) }
}

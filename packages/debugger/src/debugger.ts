// The debugger: takes lines, finds their commands, writes what they say to the screen and the log, and keeps the prompt.
import { DumpstackError, printable } from '@dumpstack/bytes'
import type { Command, CommandContext, DebuggerControl } from './command.ts'
import { COMMANDS } from './commands/index.ts'
import { DebuggerError } from './errors.ts'
import type { Session } from './session.ts'

export interface LogFile {
  write(text: string): void
  close(): void
}

export interface DebuggerOptions {
  readonly session: Session
  write(text: string): void
  /** Opens a file for .logopen. Both this and LogFile throw DebuggerError LOG_IO where the file cannot be written. */
  openLog(file: string, append: boolean): LogFile
}

/** What a command did, for callers that want more than text. */
export interface CommandResult {
  readonly command: string
  readonly output: string
  /** The code and text of the error that ended it; null where it went well. */
  readonly error: { readonly code: string; readonly message: string } | null
}

export class Debugger implements DebuggerControl {
  readonly session: Session
  readonly commands: readonly Command[] = COMMANDS
  readonly #options: DebuggerOptions
  #log: { readonly file: string; readonly handle: LogFile } | null = null
  #hasQuit = false
  #hasLostLog = false

  constructor(options: DebuggerOptions) {
    this.#options = options
    this.session = options.session
  }

  get hasQuit(): boolean {
    return this.#hasQuit
  }

  /** `3: kd> `, or `kd> ` where there is one processor. */
  get prompt(): string {
    const { session } = this
    return session.system.processorCount > 1 ? `${session.processorNumber}: kd> ` : 'kd> '
  }

  /** Names and texts of a dump come from strangers: none of them may command the terminal, or whatever shows the log. */
  line(text: string): void {
    this.#write(`${printable(text)}\n`)
  }

  /** The start of a line, such as the prompt. */
  write(text: string): void {
    this.#write(printable(text))
  }

  #write(safe: string): void {
    this.#options.write(safe)
    this.#writeLog(safe)
  }

  /** Goes into the log only: what the user's terminal shows by itself. */
  logInput(text: string): void {
    this.#writeLog(text)
  }

  /** Whether a log ended before it was closed: the disk was full. */
  get hasLostLog(): boolean {
    return this.#hasLostLog
  }

  #writeLog(text: string): void {
    const log = this.#log
    if (log === null) return
    try {
      log.handle.write(text)
    } catch (error) {
      if (!(error instanceof DebuggerError)) throw error
      this.#log = null
      this.#hasLostLog = true
      log.handle.close()
      this.#options.write(`${printable(error.message)}: the log ends here\n`)
    }
  }

  quit(): void {
    this.#hasQuit = true
  }

  async run(context: CommandContext, text: string): Promise<void> {
    const { command, name, rest } = findCommand(this.commands, text)
    await command.run(context, rest, name)
  }

  openLog(file: string, append: boolean): void {
    this.closeLog()
    this.#log = { file, handle: this.#options.openLog(file, append) }
  }

  closeLog(): string | null {
    const log = this.#log
    this.#log = null
    log?.handle.close()
    return log?.file ?? null
  }

  /** Every command of a line, one after the other, until one quits. */
  async execute(line: string, signal: AbortSignal): Promise<CommandResult[]> {
    const results: CommandResult[] = []
    for (const text of splitCommands(line)) {
      if (this.#hasQuit) break
      results.push(await this.#run(text, signal))
      if (signal.aborted) break
    }
    return results
  }

  async #run(text: string, signal: AbortSignal): Promise<CommandResult> {
    let output = ''
    const print = (line = ''): void => {
      output += `${line}\n`
      this.line(line)
    }
    this.session.signal = signal
    try {
      await this.run({ session: this.session, debugger: this, print }, text)
      return { command: text, output, error: null }
    } catch (error) {
      if (signal.aborted) {
        print('^ interrupted')
        return { command: text, output, error: { code: 'INTERRUPTED', message: 'interrupted' } }
      }
      if (!(error instanceof DumpstackError)) throw error
      print(error.message)
      return { command: text, output, error: { code: error.code, message: error.message } }
    }
  }
}

/** Splits at `;` outside quotes; empty parts do nothing. `*` starts a comment to the end of the line. */
export function splitCommands(line: string): string[] {
  const commands: string[] = []
  let current = ''
  let isQuoted = false
  for (const character of line) {
    if (character === '"') isQuoted = !isQuoted
    if (character === ';' && !isQuoted) {
      if (current.trim().startsWith('*')) break
      commands.push(current.trim())
      current = ''
    } else current += character
  }
  if (!current.trim().startsWith('*')) commands.push(current.trim())
  return commands.filter((command) => command !== '')
}

export function findCommand(
  commands: readonly Command[],
  text: string,
): { command: Command; name: string; rest: string } {
  if (/^\d+\s*[^\d\s]/.test(text)) return findCommand(commands, `~${text}`) // `1k`: the stack of processor 1
  const word = /^\S+/.exec(text)?.[0] ?? ''
  for (const command of commands) {
    const name = command.names.find((candidate) => candidate === word)
    if (name !== undefined) return { command, name, rest: text.slice(name.length).trim() }
  }
  for (const command of commands) {
    if (command.isPrefix !== true) continue
    const name = command.names.find((candidate) => text.startsWith(candidate))
    if (name !== undefined) return { command, name, rest: text.slice(name.length).trim() }
  }
  throw new DebuggerError('COMMAND_UNKNOWN', `no command '${word}': .help lists the ones there are`, {
    command: word,
  })
}

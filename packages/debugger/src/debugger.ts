// The debugger: takes lines, finds their commands, writes what they find to the screen and the log, and keeps the prompt.
import { DumpstackError, printable } from '@dumpstack/bytes'
import type { Command, DebuggerControl, Fact, Write } from './command.ts'
import { COMMANDS } from './commands/index.ts'
import { commandOnProcessor, processorCommand } from './commands/processor.ts'
import { DebuggerError } from './errors.ts'
import type { Session } from './session.ts'

export interface LogFile {
  write(text: string): void
  close(): void
}

export interface DebuggerOptions {
  readonly session: Session
  /** Takes the text; null where facts alone are wanted. */
  readonly write: ((text: string) => void) | null
  /** Opens a file for .logopen. Both this and LogFile throw DebuggerError LOG_IO where the file cannot be written. */
  openLog(file: string, append: boolean): LogFile
  /** Takes each fact. `command` is as it was typed. */
  onFact?(command: string, fact: Fact): void
}

/** What ends a command before its end. */
type ErrorFact = { readonly kind: 'error'; readonly code: string; readonly message: string }
/** Ctrl-C: the facts before it stay. The last three are null where the command does not count what it works through. */
type InterruptedFact = {
  readonly kind: 'interrupted'
  readonly what: string | null
  readonly done: number | null
  readonly total: number | null
}

export class Debugger implements DebuggerControl {
  readonly session: Session
  readonly commands: readonly Command[] = COMMANDS
  readonly #options: DebuggerOptions
  #log: { readonly file: string; readonly handle: LogFile } | null = null
  #hasQuit = false
  #hasLostLog = false
  /** The lines of the fact that is being printed: they are written together. */
  #lines = ''
  readonly #addLine: Write = (line = '') => {
    this.#lines += `${printable(line)}\n`
  }

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

  /** A whole line that is no fact. */
  line(text: string): void {
    this.#write(`${printable(text)}\n`)
  }

  /** The start of a line, such as the prompt. */
  write(text: string): void {
    this.#write(printable(text))
  }

  /** Names and texts of a dump come from strangers: none of them may command the terminal, or whatever shows the log. */
  #write(safe: string): void {
    this.#options.write?.(safe)
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
      const message = `${error.message}: the log ends here`
      const { onFact, write } = this.#options
      onFact?.('', { kind: 'error', code: error.code, message })
      write?.(`${printable(message)}\n`)
    }
  }

  quit(): void {
    this.#hasQuit = true
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

  /** What is said before the first prompt: facts of no command that was typed. */
  async open(opening: Command, signal: AbortSignal): Promise<void> {
    await this.#guarded('', signal, () => this.#tellAll(opening, { text: '', name: '', rest: '' }, signal))
  }

  /** Every command of a line, one after the other, until one quits or the user interrupts. */
  async execute(line: string, signal: AbortSignal): Promise<void> {
    for (const text of splitCommands(line)) {
      if (this.#hasQuit || signal.aborted) break
      await this.#guarded(text, signal, () => this.#run(text, text, signal))
    }
  }

  /** `part` of the command that was typed: all of it, or what follows the number of a processor. */
  async #run(text: string, part: string, signal: AbortSignal): Promise<void> {
    const { command, name, rest } = findCommand(this.commands, part)
    const other = command === processorCommand ? commandOnProcessor(rest) : null
    if (other === null) await this.#tellAll(command, { text, name, rest }, signal)
    else await this.session.onProcessor(other.number, () => this.#run(text, other.text, signal))
  }

  async #tellAll(
    command: Command,
    { text, name, rest }: { readonly text: string; readonly name: string; readonly rest: string },
    signal: AbortSignal,
  ): Promise<void> {
    for await (const fact of command.facts(this.session, { name, rest, debugger: this }, signal)) {
      this.#tell(text, fact, command)
      const turn = this.session.stepNow()
      if (turn !== null) await turn
    }
  }

  /** The error that ends a command is its last fact. */
  async #guarded(text: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    this.session.begin(signal)
    try {
      await work()
    } catch (error) {
      if (signal.aborted) {
        const { what = null, done = null, total = null } = this.session.progress ?? {}
        this.#tell(text, { kind: 'interrupted', what, done, total }, INTERRUPTED)
      } else if (error instanceof DumpstackError) {
        this.#tell(text, { kind: 'error', code: error.code, message: error.message }, ENDED)
      } else throw error
    }
  }

  #tell<F extends Fact>(text: string, fact: F, { print }: { print(fact: F, write: Write): void }): void {
    const { onFact, write } = this.#options
    onFact?.(text, fact)
    if (write === null && this.#log === null) return
    print(fact, this.#addLine)
    if (this.#lines !== '') this.#write(this.#lines)
    this.#lines = ''
  }
}

const ENDED = { print: ({ message }: ErrorFact, write: Write) => write(message) }
const INTERRUPTED = {
  print({ what, done, total }: InterruptedFact, write: Write) {
    const of = total === null ? '' : ` of ${total}`
    write(what === null ? '^ interrupted' : `^ interrupted after ${done}${of} ${what}`)
  },
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

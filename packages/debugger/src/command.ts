// What a command is: one file each, with its own help, from which the reference pages are made.
import type { Session } from './session.ts'

export interface CommandHelp {
  /** One line. */
  readonly summary: string
  /** Each way to write it: `lm [v] [m PATTERN]`. */
  readonly usage: readonly string[]
  /** A paragraph or two. */
  readonly text: string
  readonly examples?: readonly string[]
  /** The public page whose layout the output follows; null where none was found: the layout is then unverified. */
  readonly follows: string | null
}

export interface CommandContext {
  readonly session: Session
  readonly debugger: DebuggerControl
  /** Writes a whole line. */
  print(line?: string): void
}

/** What commands may do to the debugger around the session. */
export interface DebuggerControl {
  quit(): void
  /** Runs one more command in the context of this one. */
  run(context: CommandContext, text: string): Promise<void>
  /** Throws where the file cannot be written. */
  openLog(file: string, append: boolean): void
  /** The file that was closed; null where none was open. */
  closeLog(): string | null
  readonly commands: readonly Command[]
}

export interface Command {
  /** As typed; the first is the one that help is filed under. */
  readonly names: readonly string[]
  readonly help: CommandHelp
  /** True for commands whose arguments follow without a space: `?5+5`, `~1`. */
  readonly isPrefix?: boolean
  /** `name` is the one of `names` that was typed; `rest` has no spaces around it. */
  run(context: CommandContext, rest: string, name: string): void | Promise<void>
}

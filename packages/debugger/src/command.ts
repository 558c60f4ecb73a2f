// What a command is: one file each, with its own help, from which the reference pages are made. A command finds facts and, apart
// from that, says how a fact is written as text; a caller that needs no text (--json, another program) takes the facts.
import { bigintAsHex } from '@dumpstack/bytes'
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

/** What JSON holds, and 64-bit values as bigint: factJson writes them as hexadecimal strings. */
export type FactValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly FactValue[]
  | { readonly [name: string]: FactValue }

/** One thing that a command found, such as a module or a frame. Its type is a `type`, so that the compiler sees that it is JSON. */
export type Fact = { readonly kind: string; readonly [name: string]: FactValue }

/** Writes a whole line of text. */
export type Write = (line?: string) => void

/** What commands may do to the debugger around the session. */
export interface DebuggerControl {
  quit(): void
  /** Throws DebuggerError LOG_IO where the file cannot be written. */
  openLog(file: string, append: boolean): void
  /** The file that was closed; null where none was open. */
  closeLog(): string | null
}

export interface CommandArguments {
  /** The one of the command's names that was typed. */
  readonly name: string
  /** What follows the name, without spaces around it. */
  readonly rest: string
  readonly debugger: DebuggerControl
}

export interface Command<F extends Fact = Fact> {
  /** As typed; the first is the one that help is filed under. */
  readonly names: readonly string[]
  readonly help: CommandHelp
  /** True for commands whose arguments follow without a space: `?5+5`, `~1`. */
  readonly isPrefix?: boolean
  /** Yields each fact as soon as it is found. A DumpstackError that it throws ends the command and is shown. */
  facts(session: Session, args: CommandArguments, signal: AbortSignal): AsyncIterable<F>
  /** The fact as lines of text, from the fact alone. */
  print(fact: F, write: Write): void
}

/** One line of JSON: the command as it was typed, then the fact. */
export const factJson = (command: string, fact: Fact): string =>
  JSON.stringify({ command, ...fact }, bigintAsHex)

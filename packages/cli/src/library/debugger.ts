// `dumpstack/debugger`: the commands of kd on a dump, each answered as text and as facts.
import { FileSource } from '@dumpstack/bytes/node'
import { COMMANDS, type CommandHelp, Debugger, DebuggerError, type Fact } from '@dumpstack/debugger'
import { sessionOf } from '../kd/session.ts'
import { HostSymbols } from '../symbols/host-symbols.ts'

export { DumpstackError } from '@dumpstack/bytes'
export { type CommandHelp, type Fact, type FactValue, factJson } from '@dumpstack/debugger'
export { DumpError } from '@dumpstack/dumpfile'

/** The commands by their names, the first of which help is filed under. */
export const commands: readonly { readonly names: readonly string[]; readonly help: CommandHelp }[] = COMMANDS

export interface Answer {
  /** As kd prints it. */
  readonly text: string
  /** What the text was made of (docs/kd-json.md); a command that fails ends with one of kind `error`. */
  readonly facts: readonly Fact[]
}

export interface DumpDebuggerOptions {
  /** As kd takes it with -y; without symbols where it is absent. Servers are asked only where it names them. */
  readonly symbolPath?: string
}

export class DumpDebugger {
  readonly #source: FileSource
  readonly #debugger: Debugger
  #text = ''
  #facts: Fact[] = []

  /** Throws DumpError for a file that is no kernel crash dump. */
  constructor(file: string, { symbolPath = '' }: DumpDebuggerOptions = {}) {
    this.#source = new FileSource(file)
    try {
      this.#debugger = new Debugger({
        session: sessionOf(this.#source, file, new HostSymbols(symbolPath, [])),
        write: (text) => {
          this.#text += text
        },
        onFact: (_, fact) => this.#facts.push(fact),
        openLog: () => {
          throw new DebuggerError('LOG_IO', 'a log of commands belongs to the program kd')
        },
      })
    } catch (error) {
      this.#source.close()
      throw error
    }
  }

  /** Runs a line of commands, `lm; k`; `signal` ends it, and what was found until then is the answer. */
  async execute(line: string, signal: AbortSignal = new AbortController().signal): Promise<Answer> {
    this.#text = ''
    this.#facts = []
    await this.#debugger.execute(line, signal)
    return { text: this.#text, facts: this.#facts }
  }

  close(): void {
    this.#source.close()
  }
}

// The command line of kd: `-z FILE [-y PATH] [-c "cmd; cmd"] [-logo FILE] [--json]`. Its options are one dash and a word,
// which no option library declares; so they are read here.
import { UsageError } from '../program/usage-error.ts'

export const KD_HELP = `Usage: kd -z FILE [options]

Opens a kernel crash dump and takes debugger commands, from the terminal or from a pipe.

Options:
  -z FILE       the dump: MEMORY.DMP, a minidump
  -y PATH       symbol path: folders and SRV*store*... separated by ; (default: _NT_SYMBOL_PATH)
  -c "CMD; CMD" commands to begin with
  -logo FILE    write everything to a new log file
  -loga FILE    the same, at the end of a log file
  --json        print facts in place of text: one JSON object a line, as they are found (docs/kd-json.md)
  -?            this text

q, Ctrl-B and Enter, or the end of the input leave; Ctrl-C interrupts a command. .help lists the commands.

Examples:
  kd -z MEMORY.DMP
  kd -z MEMORY.DMP -y "SRV*C:\\Symbols" -c "!analyze -v; q"
`

export interface KdOptions {
  readonly file: string
  /** Null where neither -y nor the environment names one. */
  readonly symbolPath: string | null
  readonly commands: string | null
  readonly log: { readonly file: string; readonly append: boolean } | null
  readonly json: boolean
}

/** Null when only help was asked for. Throws UsageError. */
export function parseKdOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): KdOptions | null {
  let file: string | null = null
  let symbolPath: string | null = environment['_NT_SYMBOL_PATH'] ?? null
  let commands: string | null = null
  let log: KdOptions['log'] = null
  let json = false
  for (let index = 0; index < args.length; index++) {
    const option = args[index]!
    const value = (): string => {
      const next = args[++index]
      if (next === undefined || next === '') throw new UsageError(`kd ${option} needs a value`)
      return next
    }
    switch (option.replace(/^\//, '-')) {
      case '-z':
        file = value()
        break
      case '-y':
        symbolPath = value()
        break
      case '-c':
        commands = value()
        break
      case '-logo':
        log = { file: value(), append: false }
        break
      case '-loga':
        log = { file: value(), append: true }
        break
      case '--json':
        json = true
        break
      case '-?':
      case '-h':
      case '--help':
        return null
      default:
        throw new UsageError(`kd has no option '${option}': kd -? lists them`)
    }
  }
  if (file === null) throw new UsageError('kd needs a dump: kd -z FILE')
  return { file, symbolPath, commands, log, json }
}

// kd: the debugger as a program. `dumpstack kd` is the same. Its help loads none of it.
import { exitCodeOf } from '../program/exit-code.ts'
import { printText } from '../terminal/terminal.ts'
import { KD_HELP, parseKdOptions } from './kd-options.ts'

export async function runKd(args: readonly string[], environment = process.env): Promise<number> {
  try {
    const options = parseKdOptions(args, environment)
    if (options === null) {
      printText(KD_HELP)
      return exitCodeOf('pass')
    }
    const { debugDump } = await import('./debug-dump.ts')
    return await debugDump(options, environment)
  } catch (error) {
    const { reportFailure } = await import('../program/failure.ts')
    return reportFailure(error, false)
  }
}

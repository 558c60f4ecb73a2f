// What the programs are alike in: a reader that has gone away, a disk that is full, the thread that guest code runs in.
import { isMainThread } from 'node:worker_threads'
import { systemReason } from '@dumpstack/bytes/node'
import { surviveClosedPipes } from './closed-pipes.ts'
import { EXIT_INFRASTRUCTURE } from './exit-code.ts'
import { adoptTerminals, runInThread } from './thread.ts'

type Run = (args: readonly string[]) => Promise<number>

/** `module` is the program's own URL; `load` brings what it is made of, in the thread that needs it alone. */
export async function runProgram(
  module: string,
  load: () => Promise<Run>,
  runsGuestCode: (args: readonly string[]) => boolean,
): Promise<void> {
  const args = process.argv.slice(2)
  if (!isMainThread) {
    adoptTerminals()
    process.exitCode = await (await load())(args)
    return
  }
  let outputFailed = false
  surviveClosedPipes((error) => {
    outputFailed = true
    process.exitCode = EXIT_INFRASTRUCTURE
    void import('../terminal/terminal.ts').then(({ tell }) =>
      tell(`error: cannot write the output: ${systemReason(error)}`),
    )
  })
  const code = runsGuestCode(args) ? await runInThread(module) : await (await load())(args)
  if (!outputFailed) process.exitCode = code
}

// `dumpstack report DIR`: the facts of a run folder as one HTML page.
import { statSync } from 'node:fs'
import { keepReport } from '@dumpstack/run/node'
import { readNamed } from '../files/named-input.ts'
import { checkOutput, writeOutput } from '../files/output-file.ts'
import { catchInterrupts } from '../program/interrupt.ts'
import { printLines, shownPath, tell } from '../terminal/terminal.ts'
import { readRunFacts } from './run-facts.ts'
import { runPage } from './run-page.ts'

/** `out` is null for the run folder. */
export async function runReport(folder: string, out: string | null): Promise<number> {
  readNamed(folder, () => statSync(folder))
  if (out !== null) checkOutput('--out', 'report', out)
  const page = runPage(readRunFacts(folder))
  const interrupt = catchInterrupts()
  try {
    if (out !== null) writeOutput(out, page)
    const file = out ?? (await keepReport(folder, page, { onWait: tell, signal: interrupt.signal }))
    printLines([`Report: ${shownPath(file)}`])
  } finally {
    interrupt.release()
  }
  return 0
}

// What the debugger says before the first prompt. Layout: learn.microsoft.com, "Analyze a kernel-mode dump file by using
// KD"; the first line names this program, not the one documented there.
import { DebuggerError } from './errors.ts'
import { instructionLines } from './instruction-lines.ts'
import type { Session } from './session.ts'
import { targetLines } from './target-lines.ts'

const DOTS_IN_A_ROW = 64

/** Nothing here waits for a symbol server: it is on the screen before anything is looked for. */
export function banner(session: Session, version: string): string[] {
  const lines = [
    '',
    `Dumpstack Kernel Debugger Version ${version}`,
    '',
    '',
    ...session.target.description,
    '',
    `Symbol search path is: ${session.symbolSource.symbolPath || '*** none: use -y PATH or .sympath PATH ***'}`,
    ...targetLines(session),
    'Loading Kernel Symbols',
    ...dots(session.modules.all.length),
    'Loading unloaded module list',
    ...dots(session.unloaded.length),
  ]
  if (session.modulesDamage !== null) lines.push(`The list of modules is damaged: ${session.modulesDamage}`)
  const { damage } = session.target
  const [first] = damage
  if (first !== undefined) {
    const others = damage.length - 1
    lines.push(`Part of the dump is left out: ${first}${others > 0 ? `; ${others} more` : ''}`)
  }
  lines.push('For analysis of this file, run !analyze -v')
  return lines
}

/** Where it crashed: the line before the first prompt, with a name, for which symbols may have to be fetched. */
export async function placeLines(session: Session): Promise<string[]> {
  try {
    return await instructionLines(session)
  } catch (error) {
    if (!(error instanceof DebuggerError)) throw error
    return [error.message]
  }
}

/** One for each module that was read. */
export function dots(count: number): string[] {
  const rows: string[] = []
  for (let left = count; left > 0; left -= DOTS_IN_A_ROW) rows.push('.'.repeat(Math.min(left, DOTS_IN_A_ROW)))
  return rows
}

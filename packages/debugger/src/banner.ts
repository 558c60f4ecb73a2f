// What the debugger says before the first prompt: a command without a name. Layout: learn.microsoft.com, "Analyze a kernel-mode
// dump file by using KD"; the first line names this program, not the one documented there.
import { type BugcheckFact, bugcheckFact } from './analysis/parameters.ts'
import type { Command, Write } from './command.ts'
import { type InstructionFact, type LabelFact, placeFacts, printPlace } from './instruction-facts.ts'
import type { Session } from './session.ts'
import { printTarget, type TargetFact, targetFact } from './target-facts.ts'

const DOTS_IN_A_ROW = 64

export type OpenedFact = {
  readonly kind: 'opened'
  readonly version: string
  readonly description: readonly string[]
  /** DUMP_HEADER64.DumpType; null where the target is no dump. */
  readonly dumpType: number | null
  readonly symbolPath: string
  readonly target: TargetFact
  readonly bugcheck: BugcheckFact
  readonly modules: number
  readonly unloadedModules: number
  /** What is wrong with the list of modules. */
  readonly modulesDamage: string | null
  /** Parts of the target that are left out. */
  readonly damage: readonly string[]
}

/** The first fact waits for no symbol server; the place of the crash may have to, since it has a name. */
export const opening = (version: string): Command<OpenedFact | LabelFact | InstructionFact> => ({
  names: [],
  help: { summary: 'what was opened, and where it crashed', usage: [], text: '', follows: null },
  async *facts(session) {
    yield openedFact(session, version)
    yield* placeFacts(session)
  },
  print(fact, write) {
    if (fact.kind === 'opened') printBanner(fact, write)
    else printPlace(fact, write)
  },
})

const openedFact = (session: Session, version: string): OpenedFact => ({
  kind: 'opened',
  version,
  description: session.target.description,
  dumpType: session.target.dump?.header.dumpType ?? null,
  symbolPath: session.symbolSource.symbolPath,
  target: targetFact(session),
  bugcheck: bugcheckFact(session),
  modules: session.modules.all.length,
  unloadedModules: session.unloaded.length,
  modulesDamage: session.modulesDamage,
  damage: session.target.damage,
})

function printBanner(fact: OpenedFact, write: Write): void {
  write()
  write(`Dumpstack Kernel Debugger Version ${fact.version}`)
  write()
  write()
  for (const line of fact.description) write(line)
  write()
  write(`Symbol search path is: ${fact.symbolPath || '*** none: use -y PATH or .sympath PATH ***'}`)
  printTarget(fact.target, write)
  write('Loading Kernel Symbols')
  for (const row of dots(fact.modules)) write(row)
  write('Loading unloaded module list')
  for (const row of dots(fact.unloadedModules)) write(row)
  if (fact.modulesDamage !== null) write(`The list of modules is damaged: ${fact.modulesDamage}`)
  const [first, ...others] = fact.damage
  if (first !== undefined) {
    write(`Part of the dump is left out: ${first}${others.length > 0 ? `; ${others.length} more` : ''}`)
  }
  write('For analysis of this file, run !analyze -v')
}

/** One for each module that was read. */
export function dots(count: number): string[] {
  const rows: string[] = []
  for (let left = count; left > 0; left -= DOTS_IN_A_ROW) rows.push('.'.repeat(Math.min(left, DOTS_IN_A_ROW)))
  return rows
}

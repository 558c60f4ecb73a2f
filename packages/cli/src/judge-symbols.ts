// The symbols of the examine step's debugger: along -y, and by default those of our own guest, where their PDBs lie. A
// scenario that takes symbols away gets a folder of its own in the run folder, without them.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import type { ScenarioVariant, SymbolCondition } from '@dumpstack/crashtest'
import type { SymbolSource } from '@dumpstack/debugger'
import { onHost } from '@dumpstack/run/node'
import { GUEST_FOLDER } from '@dumpstack/windows/node'
import { HostSymbols } from './kd-symbols.ts'
import { windowsRootsOf } from './run-drive.ts'
import { SharedSymbols } from './shared-symbols.ts'

const KERNEL_PDB = 'ntkrnlmp.pdb'
const NTDLL_PDB = 'ntdll.pdb'
const OTHER_PDB = 'hal.pdb'
export const SYMBOLS = 'symbols'

/** One for a whole run. `symbolPath` is null where none was given; paths from C: lead into the run folder, where there is one. */
export const judgeSymbols = (symbolPath: string | null, runFolder: string | null): SymbolSource =>
  new SharedSymbols(new HostSymbols(symbolPath ?? GUEST_FOLDER, windowsRootsOf(runFolder)))

/** For a dump from elsewhere: where the environment says, and our own guest's; a file of another build is never used. */
export function labSymbols(symbolPath: string | null, environment: string | undefined): SymbolSource {
  const paths = [environment ?? '', GUEST_FOLDER].filter((part) => part !== '')
  return judgeSymbols(symbolPath ?? paths.join(';'), null)
}

/** What the debugger of one variant has; `folder` is the variant's place in the run folder. */
export function variantSymbols(
  symbolPath: string | null,
  { symbols }: ScenarioVariant,
  folder: string,
  runFolder: string,
): SymbolSource {
  if (symbols === undefined) return judgeSymbols(symbolPath, runFolder)
  const own = path.join(folder, SYMBOLS)
  onHost(`make ${own}`, () => layOut(own, symbols))
  return judgeSymbols(own, null)
}

function layOut(folder: string, condition: SymbolCondition): void {
  mkdirSync(folder, { recursive: true })
  if (condition === 'none') return
  for (const name of readdirSync(GUEST_FOLDER)) {
    const isNtdll = name === NTDLL_PDB
    if (condition === 'withoutNtdll' && isNtdll) continue
    const from = condition === 'otherKernel' && name === KERNEL_PDB ? OTHER_PDB : name
    copyFileSync(path.join(GUEST_FOLDER, from), path.join(folder, name))
  }
}

// The symbols of the examine step's debugger: along -y, and by default those of our own guest, where their PDBs lie. A
// scenario that takes symbols away gets a folder of its own in the run folder, without them.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { ScenarioVariant, SymbolCondition } from '@dumpstack/crashtest'
import type { SymbolSource } from '@dumpstack/debugger'
import { PROFILES, type Profile } from '@dumpstack/nt'
import { inVariant, type OwnedFolder, onHost } from '@dumpstack/run/node'
import { guestFolder } from '@dumpstack/windows/node'
import { windowsRootsOf } from '../drive/run-drive.ts'
import { HostSymbols } from './host-symbols.ts'
import { SharedSymbols } from './shared-symbols.ts'

const KERNEL_PDB = 'ntkrnlmp.pdb'
const NTDLL_PDB = 'ntdll.pdb'
const OTHER_PDB = 'hal.pdb'
const SYMBOLS = 'symbols'
/** A file of another build is never used: the folders of all profiles can stand beside each other. */
const GUEST_SYMBOLS = PROFILES.map(guestFolder).join(';')

/** One for a whole run. `symbolPath` is null where none was given; paths from C: lead into the run folder, where there is one. */
export const judgeSymbols = (symbolPath: string | null, runFolder: string | null): SymbolSource =>
  new SharedSymbols(new HostSymbols(symbolPath ?? GUEST_SYMBOLS, windowsRootsOf(runFolder)))

/** For a dump from elsewhere: where the environment says, and our own guest's. */
export function labSymbols(symbolPath: string | null, environment: string | undefined): SymbolSource {
  const paths = [environment ?? '', GUEST_SYMBOLS].filter((part) => part !== '')
  return judgeSymbols(symbolPath ?? paths.join(';'), null)
}

/** What the debugger of one variant has. */
export function variantSymbols(
  { profile, symbolPath }: { readonly profile: Profile; readonly symbolPath: string | null },
  { name, symbols }: ScenarioVariant,
  run: OwnedFolder,
): SymbolSource {
  if (symbols === undefined) return judgeSymbols(symbolPath, run.path)
  const own = inVariant(name, SYMBOLS)
  onHost(`make ${run.pathOf(own)}`, () => layOut(guestFolder(profile), run, own, symbols))
  return judgeSymbols(run.pathOf(own), null)
}

function layOut(guest: string, run: OwnedFolder, folder: string, condition: SymbolCondition): void {
  run.makeFolder(folder)
  if (condition === 'none') return
  for (const name of readdirSync(guest)) {
    const isNtdll = name === NTDLL_PDB
    if (condition === 'withoutNtdll' && isNtdll) continue
    const from = condition === 'otherKernel' && name === KERNEL_PDB ? OTHER_PDB : name
    run.writeFile(`${folder}/${name}`, [readFileSync(path.join(guest, from))])
  }
}

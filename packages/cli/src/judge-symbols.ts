// The symbols of the examine step's debugger: along -y, and by default those of our own guest, where their PDBs lie.
import type { SymbolSource } from '@dumpstack/debugger'
import { GUEST_FOLDER } from '@dumpstack/windows/node'
import { HostSymbols } from './kd-symbols.ts'
import { SharedSymbols } from './shared-symbols.ts'

/** One for a whole run. `symbolPath` is null where none was given. */
export const judgeSymbols = (symbolPath: string | null): SymbolSource =>
  new SharedSymbols(new HostSymbols(symbolPath ?? GUEST_FOLDER, []))

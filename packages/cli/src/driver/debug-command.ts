// The command that opens a dump of a stopped driver file in the debugger, with its PDB and those of our guest.
import path from 'node:path'
import type { Profile } from '@dumpstack/nt'
import { guestFolder } from '@dumpstack/windows/node'
import { shellWord } from '../terminal/shell-word.ts'
import { shownPath } from '../terminal/terminal.ts'

/** `names`: the PDB of the driver, or the driver that it lies beside. */
export function debugCommand(dump: string, names: string, profile: Profile): string {
  const folders = [path.dirname(names), guestFolder(profile)].map((folder) => shownPath(path.resolve(folder)))
  return `dumpstack kd -z ${shellWord(shownPath(dump))} -y ${shellWord(folders.join(';'))}`
}

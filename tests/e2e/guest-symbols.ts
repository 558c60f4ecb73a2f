// Symbols and images of the guest, straight from their folder.
import { existsSync } from 'node:fs'
import { join, win32 } from 'node:path'
import type { SymbolSource } from '@dumpstack/debugger'
import { parsePe } from '@dumpstack/image'
import { win10_19041 } from '@dumpstack/nt'
import { openSymbolFile } from '@dumpstack/symbols/node'
import { guestFolder, readGuestImages } from '@dumpstack/windows/node'

const GUEST_FOLDER = guestFolder(win10_19041)

export const guestSymbols: SymbolSource = {
  symbolPath: GUEST_FOLDER,
  setSymbolPath() {},
  async symbols({ imageName, pdb }) {
    const file = pdb === null ? '' : join(GUEST_FOLDER, win32.basename(pdb.path))
    if (pdb === null || !existsSync(file)) return { file: null, why: [`no PDB of ${imageName}`] }
    const opened = (await openSymbolFile(file)).file
    const isOurs = opened.identity.guid === pdb.guid && opened.identity.age === pdb.age
    return isOurs ? { file: opened } : { file: null, why: [`${file} is of another build`] }
  },
  image({ timeDateStamp, sizeOfImage }) {
    const found = [...readGuestImages(win10_19041).values()].find((bytes) => {
      const pe = parsePe(bytes)
      return pe.timeDateStamp === timeDateStamp && pe.sizeOfImage === sizeOfImage
    })
    return Promise.resolve(found ?? null)
  },
}

// Past failures, cleared: what a run has made in its folder, and nothing that somebody else put there.
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { DUMP_TYPES, scenarios } from '@dumpstack/crashtest'
import { JOURNAL, LOG, RESULT } from '../index.ts'
import { isCallRecord } from './call-records.ts'
import { lockFolder } from './folder-lock.ts'
import { onHost } from './host-error.ts'
import { STATE } from './state-file.ts'

const RECORDS = [JOURNAL, LOG, RESULT, STATE]

/**
 * `removeSystem` removes the system of a run from a folder, and what it left there. False where the folder holds no run. Throws
 * RunError RUN_FOLDER_BUSY, HOST_IO.
 */
export function clearRun(folder: string, removeSystem: (folder: string) => void): boolean {
  if (!RECORDS.some((name) => existsSync(path.join(folder, name)))) return false
  const unlock = lockFolder(folder)
  try {
    onHost(`clear ${folder}`, () => {
      const variants = scenarios.flatMap((scenario) => scenario.variants.map(({ name }) => name))
      for (const variant of variants)
        if (variant !== null) clearVariant(path.join(folder, variant), removeSystem)
      removeMade(folder, removeSystem)
      // The journal goes last: until then the folder holds a run, and can be cleared again.
      for (const name of [...RECORDS].reverse())
        for (const file of [name, `${name}.tmp`]) rmSync(path.join(folder, file), { force: true })
    })
  } finally {
    unlock()
  }
  return true
}

function clearVariant(place: string, removeSystem: (folder: string) => void): void {
  if (!existsSync(place)) return
  removeMade(place, removeSystem)
  if (readdirSync(place).length === 0) rmdirSync(place)
}

function removeMade(place: string, removeSystem: (folder: string) => void): void {
  removeSystem(place)
  for (const type of DUMP_TYPES) rmSync(path.join(place, type), { recursive: true, force: true })
  const records = existsSync(place) ? readdirSync(place).filter(isCallRecord) : []
  for (const name of records) rmSync(path.join(place, name))
}

// One process works on a run folder: the lock file names it. A lock whose process is gone is what a kill leaves.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { isSystemError } from '@dumpstack/bytes/node'
import { CrashtestError } from '../errors.ts'
import { onHost } from './host-error.ts'

export const LOCK = 'run.lock'

/** Returns what gives the folder free again. Throws CrashtestError RUN_FOLDER_BUSY, RUN_FOLDER_IO. */
export function lockFolder(folder: string): () => void {
  const file = path.join(folder, LOCK)
  onHost(`write ${file}`, () => {
    if (tryLock(file)) return
    const holder = Number(readFileSync(file, 'utf8'))
    if (isRunning(holder)) {
      throw new CrashtestError(
        'RUN_FOLDER_BUSY',
        `process ${holder} works on the run in ${folder}: wait for it, or remove ${LOCK} where it is no dumpstack`,
      )
    }
    rmSync(file, { force: true })
    if (!tryLock(file)) {
      throw new CrashtestError('RUN_FOLDER_BUSY', `another process has just taken the run in ${folder}`)
    }
  })
  return () => rmSync(file, { force: true })
}

function tryLock(file: string): boolean {
  let fd: number
  try {
    fd = openSync(file, 'wx')
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return false
    throw error
  }
  try {
    writeSync(fd, String(process.pid))
  } finally {
    closeSync(fd)
  }
  return true
}

/** A number that is no process id names nobody: the holder was killed before it wrote its own. */
function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isSystemError(error) && error.code === 'EPERM'
  }
}

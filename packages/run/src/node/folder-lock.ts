// One process works on a run folder. Each that wants it first puts a claim there, run.lock.PID, and then looks for others: of two
// claims the later one always sees the earlier. A claim whose process is gone is what a kill leaves, and counts for nothing.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { isSystemError } from '@dumpstack/bytes/node'
import { RunError } from '../errors.ts'
import { onHost } from './host-error.ts'

const CLAIM = /^run\.lock\.([1-9]\d{0,9})$/
const HELD = 'held'
const STEP_MS = 2
/** How long one that came at the same moment may need to withdraw. */
const PATIENCE_STEPS = 1000

/** Returns what gives the folder free again. Throws RunError RUN_FOLDER_BUSY, HOST_IO. */
export function lockFolder(folder: string): () => void {
  const claim = claimOf(folder, process.pid)
  return onHost(`write ${claim}`, () => {
    writeFileSync(claim, '', { flag: 'wx' })
    const release = (): void => rmSync(claim, { force: true })
    try {
      for (let step = 0; ; step++) {
        const others = runningOthers(folder)
        if (others.length === 0) break
        const winner = others.find((pid) => isHeld(folder, pid) || pid < process.pid)
        if (winner !== undefined || step === PATIENCE_STEPS) throw busy(folder, winner ?? others[0]!)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STEP_MS)
      }
      writeFileSync(claim, HELD)
    } catch (error) {
      release()
      throw error
    }
    return release
  })
}

/** Claims of processes that are gone are removed on the way. */
function runningOthers(folder: string): number[] {
  const others = readdirSync(folder).flatMap((name) => {
    const pid = Number(CLAIM.exec(name)?.[1] ?? process.pid)
    return pid === process.pid ? [] : [pid]
  })
  return others.filter((pid) => {
    if (isRunning(pid)) return true
    rmSync(claimOf(folder, pid), { force: true })
    return false
  })
}

function isHeld(folder: string, pid: number): boolean {
  try {
    return readFileSync(claimOf(folder, pid), 'utf8') === HELD
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return false
    throw error
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isSystemError(error) && error.code === 'EPERM'
  }
}

function claimOf(folder: string, pid: number): string {
  return path.join(folder, `run.lock.${pid}`)
}

function busy(folder: string, holder: number): RunError {
  return new RunError(
    'RUN_FOLDER_BUSY',
    `process ${holder} works on the run in ${folder}: wait for it, or remove run.lock.${holder} where it is no dumpstack`,
  )
}

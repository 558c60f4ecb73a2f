import { spawnSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { holderOf, type LockHolder, lockText, thisProcess } from './lock-holder.ts'
import { type LockTiming, RunLock } from './run-lock.ts'

/** Whatever the load of the machine, a lock that beats is not still for so long. */
const PATIENT: LockTiming = { beatMs: 20, expiryMs: 20_000 }
/** For locks whose holder does not beat. */
const HASTY: LockTiming = { beatMs: 20, expiryMs: 100 }

let folder = ''
let taken: RunLock[] = []
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-lock-'))
})
afterEach(() => {
  for (const lock of taken) lock.release()
  taken = []
  rmSync(folder, { recursive: true })
})

const at = (name: string): string => path.join(folder, name)
const token = (digit: string): string => digit.repeat(32)

async function take(timing: LockTiming = PATIENT, onWait?: (text: string) => void): Promise<RunLock> {
  const lock = await RunLock.take(folder, { timing, ...(onWait && { onWait }) })
  taken.push(lock)
  return lock
}

/** The lock of a process of which this one knows nothing. */
function leaveLock(name: string, holder: Partial<LockHolder> = {}): void {
  const stranger = { token: token('a'), host: 'elsewhere', pid: process.pid, system: 'another', began: '1' }
  writeFileSync(at(name), lockText({ ...stranger, ...holder }))
}

it('leaves nothing in a folder that it has set free', async () => {
  const lock = await take()
  expect(readdirSync(folder)).toEqual(['run.lock'])
  lock.verify()
  lock.check()
  lock.release()
  expect(readdirSync(folder)).toEqual([])
})

it('refuses a folder whose lock beats, while the process that holds it is busy without a break', async () => {
  await take()
  const other = `import { RunLock } from ${JSON.stringify(new URL('../../dist/node/run-lock.js', import.meta.url))}
    await RunLock.take(${JSON.stringify(folder)}, { timing: ${JSON.stringify(PATIENT)} })`
  // spawnSync keeps this thread from everything else
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', other], { encoding: 'utf8' })
  expect(stderr).toContain(`process ${process.pid} of host`)
  expect(stderr).toContain(`works on the run in ${folder}: wait for it, or stop it`)
})

it('takes over a lock that stands still while it is watched, whatever the clocks of its host say', async () => {
  for (const year of [2001, 2099]) {
    leaveLock('run.lock')
    utimesSync(at('run.lock'), new Date(year, 1), new Date(year, 1))
    const said: string[] = []
    const began = performance.now()
    const lock = await take(HASTY, (text) => said.push(text))
    expect(performance.now() - began).toBeGreaterThanOrEqual(HASTY.expiryMs)
    expect(said).toEqual([
      `waiting for ${at('run.lock')} of process ${process.pid} of host elsewhere: it is taken over when it has stood still for 0.1 s`,
    ])
    lock.verify()
    lock.release()
    expect(readdirSync(folder)).toEqual([])
  }
})

it('does not take over a lock that beats more slowly than it is looked at', async () => {
  leaveLock('run.lock')
  const beats = setInterval(() => {
    const [beat, ...rest] = readFileSync(at('run.lock'), 'utf8').split(' ')
    writeFileSync(at('run.lock'), [String(Number(beat) + 1).padStart(12, '0'), ...rest].join(' '))
  }, 200)
  try {
    await expect(take(PATIENT)).rejects.toMatchObject({ code: 'RUN_FOLDER_BUSY' })
  } finally {
    clearInterval(beats)
  }
})

it('takes over at once from a process that is known to have ended', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  const ended = { ...thisProcess(token('b')), pid }
  const began = performance.now()
  leaveLock('run.lock', ended)
  const lock = await take()
  lock.release()
  if (process.platform === 'linux') {
    // a later process has its id
    leaveLock('run.lock', { ...ended, pid: process.pid, began: '1' })
    await take()
  }
  expect(performance.now() - began).toBeLessThan(PATIENT.expiryMs / 2)
})

it('tells the one that it was taken over from, which writes nothing and sets nothing free', async () => {
  const first = await take()
  // what a process finds that was stopped while others took over
  linkSync(at('run.lock'), at('draft'))
  const { token: firstToken } = holderOf(readFileSync(at('run.lock'), 'utf8'))!
  leaveLock(`run.lock.${firstToken}`, { token: token('c') })
  rmSync(at('draft'))
  const names = readdirSync(folder)
  for (const look of [() => first.verify(), () => first.check()]) {
    expect(look).toThrow(expect.objectContaining({ code: 'RUN_FOLDER_LOST' }))
  }
  expect(first.lost).toMatchObject({ code: 'RUN_FOLDER_LOST' })
  first.release()
  expect(readdirSync(folder)).toEqual(names)

  const second = await take(HASTY)
  expect(readdirSync(folder)).toContain(`run.lock.${token('c')}`)
  second.verify()
  second.release()
  expect(readdirSync(folder)).toEqual([])
})

it('is lost when the folder was set free, cleared or removed, and locked again', async () => {
  const first = await take()
  rmSync(at('run.lock'))
  const second = await take()
  expect(() => first.verify()).toThrow(/is in other hands/)
  first.release()
  second.verify()
  rmSync(folder, { recursive: true })
  expect(() => second.verify()).toThrow(/is in other hands/)
  mkdirSync(folder)
})

it('looks at the lock before a write only where a beat has passed', async () => {
  const lock = await take({ beatMs: 200, expiryMs: 20_000 })
  lock.verify()
  rmSync(at('run.lock'))
  lock.check()
  await new Promise((resolve) => setTimeout(resolve, 210))
  expect(() => lock.check()).toThrow(/is in other hands/)
})

it('waits for a folder that is set free meanwhile', async () => {
  leaveLock('run.lock')
  const free = (): void => rmSync(at('run.lock'))
  const lock = await take(PATIENT, free)
  lock.verify()
})

it('gives up its wait when it is asked to', async () => {
  leaveLock('run.lock')
  const controller = new AbortController()
  const onWait = (): void => controller.abort(new Error('stopped'))
  await expect(RunLock.take(folder, { timing: PATIENT, signal: controller.signal, onWait })).rejects.toThrow(
    'stopped',
  )
  expect(readdirSync(folder)).toEqual(['run.lock'])
})

it.each<[what: string, make: () => void, text: RegExp]>([
  ['a link', () => symlinkSync(at('elsewhere'), at('run.lock')), /run\.lock is a link, expected a file/],
  ['a folder', () => mkdirSync(at('run.lock')), /run\.lock is a folder, expected a file/],
  ['empty', () => writeFileSync(at('run.lock'), ''), /run\.lock holds no lock: remove it/],
  ['of zeros', () => writeFileSync(at('run.lock'), new Uint8Array(9000)), /run\.lock holds no lock/],
  ['without a process', () => leaveLock('run.lock', { pid: -1 }), /run\.lock holds no lock/],
  ['with a path for a token', () => leaveLock('run.lock', { token: '../../x' }), /run\.lock holds no lock/],
  [
    'of a chain without an end',
    () => {
      leaveLock('run.lock')
      leaveLock(`run.lock.${token('a')}`)
    },
    /has the token of a lock before it/,
  ],
])('names a lock that is %s', async (_, make, text) => {
  make()
  const names = readdirSync(folder)
  await expect(take(HASTY)).rejects.toThrow(text)
  expect(readdirSync(folder)).toEqual(names)
  expect(existsSync(at('elsewhere'))).toBe(false)
})

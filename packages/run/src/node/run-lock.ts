// The lock of a run folder. `run.lock` names its holder by a random token and beats; a process that takes over from a holder that has stopped
// beating makes `run.lock.TOKEN`, where TOKEN is that of the holder, and so on: the last of this chain holds the folder. Each link can be
// made once only, so that of several that take over exactly one succeeds, and nothing of a holder that may wake up again is replaced.
// Why it is so, and what it cannot do: docs/adr/0027-a-run-folder-is-held-by-a-lock-that-beats.md.
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { isSystemError } from '@dumpstack/bytes/node'
import { KeptRunError } from '@dumpstack/target'
import { RunError } from '../errors.ts'
import { unsafe, whatIs } from './guarded-folder.ts'
import { Heartbeat } from './heartbeat.ts'
import { onHost } from './host-error.ts'
import { hasEnded, holderOf, type LockHolder, lockText, thisProcess } from './lock-holder.ts'
import { isLaterLock, LOCK } from './lock-name.ts'

const MAX_LOCK_BYTES = 4096
/** How often a lock is looked at between two beats. */
const LOOKS_PER_BEAT = 4
/** What a file system without hard links answers: FAT, exFAT, some shares. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EISDIR', 'EINVAL'])

export interface LockTiming {
  readonly beatMs: number
  /** How long a lock must have stood still, while it is watched, before it is taken over. */
  readonly expiryMs: number
}
export const LOCK_TIMING: LockTiming = { beatMs: 1000, expiryMs: 30_000 }

export interface LockOptions {
  readonly timing?: LockTiming
  readonly signal?: AbortSignal
  /** Called once where a lock has to be watched for longer than two beats. */
  readonly onWait?: (text: string) => void
}

interface FoundLock {
  readonly file: string
  readonly text: string
  /** Null where the text is no lock, or not a whole one. */
  readonly holder: LockHolder | null
  readonly firstToken: string
}

export class RunLock {
  readonly #folder: string
  readonly #file: string
  readonly #token: string
  readonly #firstToken: string
  readonly #fd: number
  readonly #beatMs: number
  readonly #heartbeat: Heartbeat
  #verifiedAt = 0
  #verifiedOn = 0
  #lost: RunError | null = null
  #isReleased = false

  private constructor(folder: string, file: string, token: string, firstToken: string, beatMs: number) {
    this.#folder = folder
    this.#file = file
    this.#token = token
    this.#firstToken = firstToken
    this.#beatMs = beatMs
    this.#fd = openSync(file, 'r+')
    this.#heartbeat = new Heartbeat(this.#fd, beatMs)
  }

  /** Throws RunError RUN_FOLDER_BUSY where another process works on the folder, KeptRunError, RUN_FOLDER_UNSAFE, HOST_IO; what `signal` says. */
  static async take(folder: string, options: LockOptions = {}): Promise<RunLock> {
    const { beatMs, expiryMs } = options.timing ?? LOCK_TIMING
    for (;;) {
      options.signal?.throwIfAborted()
      const found = lastLock(folder)
      if (found !== null && !(await isAbandoned(found, { beatMs, expiryMs }, options))) {
        const now = lastLock(folder)
        if (found.holder === null || now?.holder?.token !== found.holder.token) continue
        throw new RunError(
          'RUN_FOLDER_BUSY',
          `process ${found.holder.pid} of host ${found.holder.host} works on the run in ${folder}: wait for it, or stop it`,
        )
      }
      const lock = RunLock.#claim(folder, found, beatMs)
      if (lock !== null) return lock
    }
  }

  /** Null where another process was faster. */
  static #claim(folder: string, found: FoundLock | null, beatMs: number): RunLock | null {
    if (found !== null && found.holder === null) throw damaged(found.file, 'holds no lock')
    const token = randomBytes(16).toString('hex')
    const file = found?.holder ? laterLock(folder, found.holder.token) : path.join(folder, LOCK)
    return onHost(`write ${file}`, () => {
      if (!makeOnce(file, `${path.join(folder, LOCK)}.${token}.tmp`, lockText(thisProcess(token))))
        return null
      const lock = new RunLock(folder, file, token, found?.firstToken ?? token, beatMs)
      if (lock.#isHeld()) {
        lock.#noteVerified()
        return lock
      }
      // The folder was set free between the look and the link, which therefore is no part of any chain.
      lock.#stopBeating()
      if (found !== null) rmSync(file, { force: true })
      return null
    })
  }

  /** What was thrown when the lock was found to be lost. */
  get lost(): RunError | null {
    return this.#lost
  }

  /** Before every step that others go on from. Throws RunError RUN_FOLDER_LOST, HOST_IO. */
  verify(): void {
    const { failure } = this.#heartbeat
    if (failure !== null) {
      throw new RunError(
        'HOST_IO',
        `cannot keep the lock ${this.#file}: ${failure.message}`,
        {},
        { cause: failure },
      )
    }
    if (this.#lost === null && onHost(`read ${this.#file}`, () => this.#isHeld())) {
      this.#noteVerified()
      return
    }
    this.#lost ??= new RunError(
      'RUN_FOLDER_LOST',
      `the run in ${this.#folder} is in other hands: this process stood still for so long that another one took it over, or the folder was cleared; this process writes nothing more there`,
    )
    throw this.#lost
  }

  /**
   * Before any other write; looks at the lock only where a beat's time has passed, by the clock that stands still while the computer
   * sleeps or by the one that may be set. Throws RunError RUN_FOLDER_LOST, HOST_IO.
   */
  readonly check = (): void => {
    const isFresh =
      Math.abs(performance.now() - this.#verifiedAt) < this.#beatMs &&
      Math.abs(Date.now() - this.#verifiedOn) < this.#beatMs
    if (this.#lost !== null || !isFresh) this.verify()
  }

  /** Sets the folder free, once; where the lock is lost, nothing is touched. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#stopBeating()
    if (this.#lost !== null) return
    try {
      const later = readdirSync(this.#folder).filter(isLaterLock)
      if (!this.#isHeld()) return
      // The first goes first: without it the others are no chain, whatever becomes of this process.
      for (const name of [LOCK, ...later]) rmSync(path.join(this.#folder, name), { force: true })
    } catch (error) {
      // A lock that the host does not let go stands still from now on, and is taken over like that of a killed process.
      if (!isSystemError(error)) throw error
    }
  }

  /** The chain between the first lock and this one cannot change while the first is there. */
  #isHeld(): boolean {
    const first = readLock(path.join(this.#folder, LOCK))
    if (first === null || holderOf(first)?.token !== this.#firstToken) return false
    const own = readLock(this.#file)
    if (own === null || holderOf(own)?.token !== this.#token) return false
    return readLock(laterLock(this.#folder, this.#token)) === null
  }

  #noteVerified(): void {
    this.#verifiedAt = performance.now()
    this.#verifiedOn = Date.now()
  }

  #stopBeating(): void {
    if (this.#heartbeat.stop()) closeSync(this.#fd)
  }
}

const laterLock = (folder: string, token: string): string => path.join(folder, `${LOCK}.${token}`)

/** The end of the chain; null where no process holds the folder. */
function lastLock(folder: string): FoundLock | null {
  const tokens = new Set<string>()
  let last: FoundLock | null = null
  let file = path.join(folder, LOCK)
  for (;;) {
    const found = onHost(`read ${file}`, () => readLock(file))
    if (found === null) return last
    const holder = holderOf(found)
    const firstToken: string = last?.firstToken ?? holder?.token ?? ''
    last = { file, text: found, holder, firstToken }
    if (holder === null) return last
    if (tokens.has(holder.token)) throw damaged(file, `has the token of a lock before it (${holder.token})`)
    tokens.add(holder.token)
    file = laterLock(folder, holder.token)
  }
}

/**
 * Watches a lock until it changes, or has stood still for its time. The clock of no other host counts, and not that of the file system:
 * only looks of this process do, so that a time in which it did not run itself is one look.
 */
async function isAbandoned(
  { file, text, holder }: FoundLock,
  { beatMs, expiryMs }: LockTiming,
  { signal, onWait }: LockOptions,
): Promise<boolean> {
  const lookMs = beatMs / LOOKS_PER_BEAT
  const looks = Math.ceil(expiryMs / lookMs)
  for (let look = 0; look < looks; look++) {
    if (holder !== null && hasEnded(holder)) return true
    if (look === 2 * LOOKS_PER_BEAT) {
      const whose = holder === null ? '' : ` of process ${holder.pid} of host ${holder.host}`
      onWait?.(
        `waiting for ${file}${whose}: it is taken over when it has stood still for ${expiryMs / 1000} s`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs))
    signal?.throwIfAborted()
    if (onHost(`read ${file}`, () => readLock(file)) !== text) return false
  }
  return true
}

/** Null where there is none. */
function readLock(file: string): string | null {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return null
  if (!stat.isFile()) throw unsafe(file, whatIs(stat), 'a file')
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return null
    throw error
  }
  try {
    const bytes = Buffer.alloc(MAX_LOCK_BYTES)
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, MAX_LOCK_BYTES, 0))
  } finally {
    closeSync(fd)
  }
}

/** The file appears with all of its text, or was there: then false. */
function makeOnce(file: string, draft: string, text: string): boolean {
  writeFileSync(draft, text, { flag: 'wx' })
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (!isSystemError(error) || error.code === undefined) throw error
    // ENOENT: the holder that set the folder free has removed the draft.
    if (error.code === 'EEXIST' || error.code === 'ENOENT') return false
    if (!NO_LINKS.has(error.code)) throw error
  } finally {
    rmSync(draft, { force: true })
  }
  try {
    writeFileSync(file, text, { flag: 'wx' })
    return true
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') return false
    throw error
  }
}

function damaged(file: string, what: string): KeptRunError {
  return new KeptRunError(
    'RUN_FOLDER_CORRUPT',
    `lock ${file} ${what}: remove it where no dumpstack works on the run`,
  )
}

// A small run, killed and resumed: starts its processes, and says what the run came to, times aside.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const MIB = 1024 * 1024
export const script = fileURLToPath(new URL('killed-run.mjs', import.meta.url))

export interface SmallPlan {
  readonly dumps: readonly ('full' | 'kernel' | 'mini')[]
  readonly ram: number
  readonly cpus: number
  readonly seed: number
  readonly controller: string
  readonly pageFileBytes: number
  readonly scenario?: string
  readonly driver?: string
  readonly stopAfter?: 'crash'
}

/** The page file is as large as the installed one and stays where it is: what a killed crash wrote there must not count. */
export const SMALL: SmallPlan = {
  dumps: ['full', 'kernel', 'mini'],
  ram: 64 * MIB,
  cpus: 2,
  seed: 1,
  controller: 'ahci',
  pageFileBytes: 256 * MIB,
}

/** How the process ended: `SIGKILL`, `stopped`, `finished`, `crashed full`, or what it said of its failure. */
export function runProcess(
  folder: string,
  plan: SmallPlan,
  kill: { readonly kind: 'sync' | 'progress'; readonly count: number } | null,
  stopAt: 'end' | 'crash' = 'end',
  by: 'SIGKILL' | 'SIGINT' | 'SIGTERM' = 'SIGKILL',
): string {
  const { kind, count } = kill ?? { kind: 'sync', count: 0 }
  const args = [script, folder, JSON.stringify(plan), kind, String(count), stopAt, by]
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return signal ?? (status === 0 ? stdout : stderr)
}

/** result.json and the bytes of dumps and truths, without host times and the folder's own name. */
export function outcomeOf(folder: string): object {
  const text = readFileSync(path.join(folder, 'result.json'), 'utf8').replaceAll(folder, 'FOLDER')
  const result: unknown = JSON.parse(text, (key, value: unknown) =>
    key === 'seconds' || key === 'bytesPerSecond' ? undefined : value,
  )
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const digests = files
    .filter((name) => /\.(dmp|bin)$/i.test(name))
    .map((name) =>
      createHash('sha256')
        .update(readFileSync(path.join(folder, name)))
        .digest('hex'),
    )
  return { result, files, digests }
}

interface JournalLine {
  readonly kind: string
  readonly text: string
}

function linesOf(journal: string): JournalLine[] {
  const lines = journal.split('\n').filter((line) => line.endsWith('}'))
  return lines.map((line): JournalLine => {
    const { at, kind, step, dump, verdict, text }: Readonly<Record<string, string>> = JSON.parse(line)
    return { kind: String(kind), text: [at, kind, step, dump, verdict, text].join(' ') }
  })
}

/** Each event of the journal in a line, but for what only says that the run was resumed. */
export const journalOf = (folder: string): string[] =>
  linesOf(readFileSync(path.join(folder, 'journal.jsonl'), 'utf8').replaceAll(folder, 'FOLDER'))
    .filter(({ kind }) => kind !== 'resumed')
    .map(({ text }) => text)

/** Which sync of the process that resumes is that of line `index` of the whole journal. */
export function syncOfLine(folder: string, index: number): number {
  const { position }: { position: { journalBytes: number } } = JSON.parse(
    readFileSync(path.join(folder, 'state.json'), 'utf8'),
  )
  const journal = readFileSync(path.join(folder, 'journal.jsonl'))
  const kept = linesOf(journal.toString('utf8', 0, position.journalBytes))
  const isTakenBack = journal.byteLength > position.journalBytes // which it says first
  return index + 1 - kept.filter(({ kind }) => kind !== 'resumed').length + (isTakenBack ? 1 : 0)
}

/** Which sync of the process that resumes is the first that no process before it has come to. */
export function nextSync(folder: string): number {
  const state: { position: { journalBytes: number } } = JSON.parse(
    readFileSync(path.join(folder, 'state.json'), 'utf8'),
  )
  const journal = readFileSync(path.join(folder, 'journal.jsonl'))
  const behind = linesOf(journal.toString('utf8', state.position.journalBytes))
  const done = behind.filter(({ kind }) => kind !== 'resumed').length
  return done + 1 + (behind.length > 0 ? 1 : 0) // it says first that it resumes, where it takes something back
}

// Many processes want one run folder at the same instant, beside claims of processes that are gone: one gets it.
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from './cli.ts'

const PROCESSES = 8
const ROUNDS = 12
const GONE = [999_999_999, 888_888_888]
const script = fileURLToPath(new URL('take-run.mjs', import.meta.url))

it('gives a run folder to one process at a time, whoever else takes over the same stale lock', async () => {
  const root = temporaryFolder()
  onTestFinished(root.remove)
  const folder = path.join(root.path, 'run')
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'journal.jsonl'), '')
  const processes = Array.from({ length: PROCESSES }, () => {
    const child = spawn(process.execPath, [script, folder, root.path, String(ROUNDS)])
    onTestFinished(() => void child.kill())
    return createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  })
  const answers = async (): Promise<string[]> => {
    const lines = await Promise.all(processes.map((lines) => lines.next()))
    return lines.map(({ value }) => String(value)).sort()
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const pid of GONE) writeFileSync(path.join(folder, `run.lock.${pid}`), 'held')
    expect(await answers()).toEqual(Array(PROCESSES).fill(`ready ${round}`))
    writeFileSync(path.join(root.path, `begin-${round}`), '')
    expect(await answers()).toEqual([
      ...Array(PROCESSES - 1).fill(`RUN_FOLDER_BUSY ${round}`),
      `has it ${round}`,
    ])
    writeFileSync(path.join(root.path, `end-${round}`), '')
  }
  await Promise.all(processes.map((lines) => lines.next()))
  expect(readdirSync(folder)).toEqual(['journal.jsonl'])
}, 60_000)

// What a run leaves for a stranger: the disk image, the extents that join into the dump, and the published fill.
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { pfn, publishedFill } from '@dumpstack/bytes'
import { openDump } from '@dumpstack/dumpfile'
import { afterAll, describe, expect, it } from 'vitest'
import { crash, newWalk, prepare, removeFolders, restart, type Walk } from './walk.ts'

afterAll(removeFolders)

interface Record {
  image: string
  seed: number
  runs: { basePage: number; pageCount: number }[]
  used: { basePage: number; pageCount: number }[]
  extents: { fileOffset: number; diskOffset: number; length: number }[]
}

/** The dump as a stranger joins it. */
function joined(folder: string): Buffer {
  const record: Record = JSON.parse(readFileSync(join(folder, 'extents.json'), 'utf8'))
  const last = record.extents.at(-1)!
  const dump = Buffer.alloc(last.fileOffset + last.length)
  const image = openSync(join(folder, record.image), 'r')
  for (const { fileOffset, diskOffset, length } of record.extents) {
    expect(readSync(image, dump, fileOffset, length, diskOffset)).toBe(length)
  }
  closeSync(image)
  return dump
}

async function fullDump(walk: Walk): Promise<Buffer> {
  await restart(walk)
  return readFileSync((await walk.target.keepDump('full'))!)
}

describe('a run that stops after the crash', () => {
  // covers: KIT-44
  it('leaves extents that join into the MEMORY.DMP of the run that goes on, for the same seed', async () => {
    const stopped = newWalk({}, { seed: 7 })
    await prepare(stopped)
    await crash(stopped, 'full')
    const kept = await stopped.target.keepDisk()
    stopped.target.close()
    expect(kept.every((path) => existsSync(path))).toBe(true)

    const whole = newWalk({}, { seed: 7 })
    await prepare(whole)
    await crash(whole, 'full')
    const dump = await fullDump(whole)
    whole.target.close()
    expect(Buffer.compare(joined(stopped.folder), dump)).toBe(0)

    const record: Record = JSON.parse(readFileSync(join(stopped.folder, 'extents.json'), 'utf8'))
    expect(record.extents.length).toBeGreaterThanOrEqual(3)
    const used = new Set(record.used.flatMap(pagesOf))
    const opened = openDump({
      byteLength: dump.byteLength,
      read: (offset, into) => dump.copy(into, 0, offset, offset + into.byteLength),
    })
    const fill = new Uint32Array(1024)
    let compared = 0
    for (const page of record.runs.flatMap(pagesOf)) {
      if (used.has(page)) continue
      publishedFill(record.seed, pfn(page), 1, fill)
      const at = opened.pageOffset(pfn(page))
      if (Buffer.compare(dump.subarray(at, at + 4096), new Uint8Array(fill.buffer)) !== 0) {
        expect.fail(`page ${page} at file offset ${at} is not the fill`)
      }
      compared++
    }
    expect(compared).toBeGreaterThan(10_000)
  })
})

it('a run that goes on leaves neither disk nor C: behind', async () => {
  const walk = newWalk()
  await prepare(walk)
  await crash(walk, 'full')
  await fullDump(walk)
  walk.target.close()
  expect(readdirSync(walk.folder).sort()).toEqual(['dumpstack-run.jsonl', 'full'])
})

function pagesOf({ basePage, pageCount }: { basePage: number; pageCount: number }): number[] {
  return Array.from({ length: pageCount }, (_, index) => basePage + index)
}

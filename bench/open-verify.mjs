// Opening and verifying a 4 GiB dump of type 5, each figure the median of five fresh processes with the page cache warm.
// Budgets: open and index 5 ms; verify 1 s for the structure; --all-pages at 80 % of plain 64 KiB reads; 300 MiB of memory.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { gpa, gva, MemorySource, PageSet, pfn } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { openDump, PageWalker, planDump, verifyDump } from '@dumpstack/dumpfile'
import { buildDump } from '@dumpstack/testkit'

const PAGE = 4096
const MIB = 1 << 20
/** 4 GiB of RAM with the holes of a PC. */
const RUNS = [
  [0x1, 0x9e],
  [0x100, 0xbff00],
  [0x100000, 0x40062],
]
const MODES = ['open', 'structure', 'allPages', 'plain', 'translate']

const [mode, file] = process.argv.slice(2)
if (mode === undefined) main()
else console.log(JSON.stringify({ ms: run(mode, file), maxRss: process.resourceUsage().maxRSS * 1024 }))

function main() {
  const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-bench-'))
  try {
    const dump = path.join(folder, 'MEMORY.DMP')
    writeDump(dump)
    console.log(`dump of ${(statSync(dump).size / 2 ** 30).toFixed(2)} GiB`)
    run('plain', dump) // warms the page cache
    const results = Object.fromEntries(MODES.map((name) => [name, []]))
    for (let round = 0; round < 5; round++) {
      for (const name of MODES) results[name].push(child(name, dump))
    }
    const ms = (name) => median(results[name].map((result) => result.ms))
    const rss = (name) => Math.max(...results[name].map((result) => result.maxRss)) / MIB
    console.log(`open + index       ${ms('open').toFixed(2)} ms`)
    console.log(
      `verify structure   ${ms('structure').toFixed(1)} ms, peak ${rss('structure').toFixed(0)} MiB`,
    )
    console.log(`verify --all-pages ${ms('allPages').toFixed(0)} ms, peak ${rss('allPages').toFixed(0)} MiB`)
    console.log(`plain 64 KiB reads ${ms('plain').toFixed(0)} ms`)
    const ratios = results.plain.map((plain, round) => plain.ms / results.allPages[round].ms)
    console.log(`all-pages at       ${(100 * median(ratios)).toFixed(0)} % of plain reads, by neighbours`)
    console.log(`1e6 translations   ${ms('translate').toFixed(1)} ms`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(name, dumpPath) {
  switch (name) {
    case 'open':
      return timed(() => {
        const dump = openDump(new FileSource(dumpPath))
        if (dump.pageOffset(pfn(0x100001)) < 0) throw new Error('page 0x100001 is missing')
      })
    case 'structure':
    case 'allPages':
      return timed(() => {
        const steps = verifyDump(new FileSource(dumpPath), { allPages: name === 'allPages' })
        let step = steps.next()
        while (step.done !== true) step = steps.next()
        if (step.value.verdict !== 'pass') throw new Error(JSON.stringify(step.value.checks))
      })
    case 'plain':
      return timed(() => {
        const fd = openSync(dumpPath, 'r')
        const buffer = Buffer.alloc(0x10000)
        for (let at = 0; ; ) {
          const got = readSync(fd, buffer, 0, buffer.length, at)
          if (got === 0) break
          at += got
        }
        closeSync(fd)
      })
    case 'translate': {
      const built = buildDump({ type: 1 })
      const dump = openDump(new MemorySource(built.bytes))
      const walker = new PageWalker(dump.physical, gpa(built.dtb))
      const [high, low] = [Number(built.kernelBase >> 32n), Number(built.kernelBase & 0xffffffffn)]
      return timed(() => {
        let bad = 0
        for (let i = 0; i < 1_000_000; i++) if (walker.walk(high, low + (i & 7) * PAGE) < 0) bad++
        if (bad > 0) throw new Error(`${bad} translations failed`)
      })
    }
    default:
      throw new Error(`no mode ${name}`)
  }
}

/** A small dump's memory spread over a big one: its page tables and lists stay, all other pages hold a pattern. */
function writeDump(dumpPath) {
  const small = buildDump({ type: 1, processors: 4, physicalMemory: RUNS })
  const source = openDump(new MemorySource(small.bytes))
  const header = Buffer.from(source.headerBytes)
  const physicalMemory = RUNS.map(([basePage, pageCount]) => ({ basePage: pfn(basePage), pageCount }))
  const plan = planDump({
    dumpType: 5,
    promised: PageSet.ofRuns(physicalMemory, 0x140062),
    fileByteLength: 2 ** 40,
    facts: {
      ...source.header,
      pfnDataBase: gva(header.readBigUInt64LE(0x18)),
      contextRecord: header.subarray(0x348, 0x348 + 0x4d0),
      exceptionRecord: header.subarray(0xf00, 0xf98),
      productType: 1,
      suiteMask: 0x110,
      physicalMemory,
    },
  })
  const pattern = Buffer.alloc(MIB)
  for (let i = 0; i < MIB; i += 4) pattern.writeUInt32LE(Math.imul(i + 1, 0x9e3779b1) >>> 0, i)
  const fd = openSync(dumpPath, 'w')
  const page = new Uint8Array(PAGE)
  for (const extent of plan.extents()) {
    if ('bytes' in extent) {
      writeSync(fd, extent.bytes, 0, extent.bytes.length, extent.at)
      continue
    }
    writeSync(fd, pattern, 0, extent.pageCount * PAGE, extent.at)
    if (extent.pfn >= 0x400 && extent.pfn < 0x100000) continue // no page of the small dump
    for (let i = 0; i < extent.pageCount; i++) {
      if (source.physical.read(gpa((extent.pfn + i) * PAGE), page) === PAGE) {
        writeSync(fd, page, 0, PAGE, extent.at + i * PAGE)
      }
    }
  }
  closeSync(fd)
}

function child(name, dumpPath) {
  const done = spawnSync(process.execPath, [fileURLToPath(import.meta.url), name, dumpPath], {
    encoding: 'utf8',
  })
  if (done.status !== 0) throw new Error(done.stderr)
  return JSON.parse(done.stdout)
}

function timed(work) {
  const start = performance.now()
  work()
  return performance.now() - start
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}

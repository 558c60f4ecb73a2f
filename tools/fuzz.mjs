// `npm run fuzz [-- --minutes N] [--seed N] [--target NAME]`: damages real inputs at random and feeds them to the parsers of
// dumps, guests' memory, PDBs, ISF tables, cabinets and symbol paths, and driver files to the contract check, which runs them. An error
// that is not ours, or half a minute without an answer, ends the run with exit code 1 and leaves the input in
// fuzz-failures/. Targets get equal time, not equal inputs: a driver takes a thousand times what a path takes. Input n of
// a target depends on the target and seed + n alone, so `--target NAME --seed N` with a printed pair begins with that input.
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const SILENCE_MS = 30_000

async function main() {
  await import('./ready.mjs')
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      target: { type: 'string' },
    },
  })
  const end = Date.now() + Number(values.minutes) * 60_000
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { seed: Number(values.seed), target: values.target, end },
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  })
  let last = null
  let watch = null
  const fail = (why) => {
    clearTimeout(watch)
    if (last !== null) {
      mkdirSync('fuzz-failures', { recursive: true })
      const file = `fuzz-failures/${last.target}-${last.seed}.bin`
      writeFileSync(file, last.bytes)
      console.error(`${last.target}, seed ${last.seed}: ${why}\ninput kept in ${file}`)
    } else console.error(why)
    process.exit(1)
  }
  const rearm = () => {
    clearTimeout(watch)
    watch = setTimeout(() => fail(`no answer within ${SILENCE_MS} ms`), SILENCE_MS)
  }
  worker.on('message', (message) => {
    rearm()
    if (message.failure !== undefined) fail(message.failure)
    if (message.counts !== undefined) {
      clearTimeout(watch)
      for (const [name, { inputs, refused, ms }] of Object.entries(message.counts)) {
        const seconds = (ms / 1000).toFixed(0)
        console.log(`${name}: ${inputs} inputs in ${seconds} s, ${refused} refused, none of them wrongly`)
      }
    } else last = message
  })
  worker.on('error', (error) => fail(error.stack ?? String(error)))
}

async function work({ seed, target, end }) {
  const { DumpstackError } = await import('@dumpstack/bytes')
  const targets = Object.entries(await makeTargets()).filter(
    ([name]) => target === undefined || name === target,
  )
  if (targets.length === 0) throw new Error(`no target ${target}`)
  const counts = Object.fromEntries(targets.map(([name]) => [name, { inputs: 0, refused: 0, ms: 0 }]))
  while (Date.now() < end) {
    const [name, { originals, feed, spoil = damage }] = targets.reduce((one, other) =>
      counts[other[0]].ms < counts[one[0]].ms ? other : one,
    )
    const count = counts[name]
    const start = performance.now()
    const inputSeed = seed + count.inputs++
    const random = makeRandom(inputSeed)
    const bytes = spoil(originals[random(originals.length)], random)
    parentPort.postMessage({ target: name, seed: inputSeed, bytes })
    try {
      await feed(bytes)
    } catch (error) {
      if (!(error instanceof DumpstackError)) {
        parentPort.postMessage({ failure: error?.stack ?? String(error) })
        return
      }
      count.refused++
    }
    count.ms += performance.now() - start
  }
  parentPort.postMessage({ counts })
}

/** Numbers below a bound, from a seed (xorshift32). */
function makeRandom(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1
  return (bound) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
}

const EVIL = [0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000, 0x1000]

/** One to eight changes: bytes, 32-bit numbers, spans moved or cut; half of them near the start, where headers are. */
function damage(original, random) {
  let bytes = Uint8Array.from(original)
  const place = () => random(random(2) === 0 ? Math.min(bytes.length, 0x400) : bytes.length) || 0
  for (let changes = 1 + random(8); changes > 0 && bytes.length > 4; changes--) {
    const at = place()
    switch (random(6)) {
      case 0:
      case 1:
        bytes[at] = random(256)
        break
      case 2:
      case 3:
        new DataView(bytes.buffer).setUint32(Math.min(at, bytes.length - 4), EVIL[random(EVIL.length)], true)
        break
      case 4:
        bytes.copyWithin(at, place(), Math.min(bytes.length, place() + random(64)))
        break
      default:
        if (random(4) === 0) bytes = bytes.slice(0, at)
        else bytes[at] ^= 1 << random(8)
    }
  }
  return bytes
}

/** Damaged bytes are rarely JSON: three times of four a few values are replaced instead. */
function damageJson(original, random) {
  if (random(4) === 0) return damage(original, random)
  const evil = [...EVIL, -1, 1.5, 1e300, null, true, '', 'S', 'int', '__proto__', [], {}]
  const root = JSON.parse(new TextDecoder().decode(original))
  for (let changes = 1 + random(3); changes > 0; changes--) {
    let parent = root
    for (;;) {
      const keys = Object.keys(parent)
      if (keys.length === 0) break
      const key = keys[random(keys.length)]
      const isLeaf = typeof parent[key] !== 'object' || parent[key] === null
      if (!isLeaf && random(8) !== 0) {
        parent = parent[key]
        continue
      }
      if (random(6) === 0) delete parent[key]
      else parent[key] = evil[random(evil.length)]
      break
    }
  }
  return new TextEncoder().encode(JSON.stringify(root))
}

async function makeTargets() {
  const { readFileSync } = await import('node:fs')
  const { deflateRawSync, gzipSync } = await import('node:zlib')
  const { DumpstackError, MemorySource } = await import('@dumpstack/bytes')
  const { openDump, openGuestMemory, readModules, verifyDump } = await import('@dumpstack/dumpfile')
  const { Cabinet, openIsf, parseSymbolPath, PdbFile, unreadRecords } = await import('@dumpstack/symbols')
  const { inflateRaw } = await import('@dumpstack/symbols/node')
  const {
    ByteWriter,
    buildCabinet,
    buildCrashMinidump,
    buildDump,
    buildElfCore,
    buildPdb,
    buildTriageDump,
    LzxEncoder,
    withSecondaryData,
  } = await import('@dumpstack/testkit')
  const guest = (name) => readFileSync(new URL(`../guest/bin/${name}`, import.meta.url))
  /** One refused question does not keep the others from being asked. */
  const ask = (question) => {
    try {
      return question()
    } catch (error) {
      if (!(error instanceof DumpstackError)) throw error
      return []
    }
  }
  const { openSysFile } = await import('@dumpstack/drivers')
  const { controllerNamed } = await import('@dumpstack/machine')
  const { win10_19041 } = await import('@dumpstack/nt')
  const { checkDriverFile } = await import('@dumpstack/windows/node')
  const miniport = (name) => readFileSync(new URL(`../guest/miniports/bin/${name}.sys`, import.meta.url))
  const text = (value) => new TextEncoder().encode(value)
  const content = guest('hal.pdb').subarray(0, 70_000)
  const block = (at) => content.subarray(at, at + 32768)
  const cabinet = (typeCompress, packed) =>
    buildCabinet({
      name: 'hal.pdb',
      byteLength: content.length,
      typeCompress,
      blocks: packed.map((bytes, i) => ({ packed: bytes, byteLength: block(i * 32768).length })),
    })
  // Newer records of structures, records that are not read, pieces that nest; small, so that damage meets them often.
  const member = new ByteWriter().u16(0x150d, 3).u32(0x74).u16(0).text('m').align(4).done()
  const smallPdb = buildPdb({
    publics: [{ name: 'Public', segment: 1, offset: 4 }],
    types: [
      new ByteWriter().u16(0x1203).append(member).done(),
      new ByteWriter().u16(0x1609).u32(0x200, 0x1000, 0, 0).u16(1, 4).text('S').text('.?AUS').done(),
      new ByteWriter().u16(0x160a).u32(0x80, 0).u16(0, 0).text('U').done(),
      new ByteWriter().u16(0x160f).u32(0).text('X').done(),
    ],
    withoutSectionHeaders: true,
    modules: [
      {
        name: 'a.obj',
        procedures: [{ name: 'f', segment: 1, offset: 0, size: 64 }],
        otherSymbols: [new ByteWriter().u16(0x1180).u32(0).done()],
        subsections: [[0x123, new Uint8Array(8)]],
        contributions: [
          { segment: 1, offset: 0, size: 64 },
          { segment: 1, offset: 16, size: 8 },
        ],
      },
    ],
  })
  const mszip = [0, 32768, 65536].map((at) =>
    Buffer.concat([text('CK'), deflateRawSync(block(at), at === 0 ? {} : { dictionary: block(at - 32768) })]),
  )
  const kinds = ['verbatim', 'aligned', 'raw'].map((type) => ({ type, byteLength: 9001 }))
  const lzx = new LzxEncoder(content, { windowBits: 16, blocks: kinds, translationSize: 50_000 }).frames()
  return {
    dump: {
      originals: [
        ...[1, 2, 5, 6, 8, 10].map((type) => buildDump({ type }).bytes),
        buildTriageDump(),
        withSecondaryData(buildCrashMinidump(CRASH), SECONDARY),
      ],
      feed(bytes) {
        const dump = openDump(new MemorySource(bytes))
        readModules(dump)
        for (const _ of verifyDump(new MemorySource(bytes), { allPages: true }));
      },
    },
    'guest-memory': {
      originals: [false, true].map(
        (countInSection) =>
          buildElfCore({
            countInSection,
            segments: [0, 0x4000, 0x100000000].map((gpa, index) => ({
              gpa,
              bytes: new Uint8Array(0x2000).fill(index),
            })),
          }).bytes,
      ),
      feed(bytes) {
        const memory = openGuestMemory(new MemorySource(bytes))
        const page = new Uint8Array(0x1800)
        for (const { basePage, pageCount } of memory.runs.slice(0, 16))
          for (const at of [basePage, basePage + pageCount - 1]) memory.read(at * 0x1000, page)
      },
    },
    driver: {
      originals: ['dsahci', 'dsvioblk'].map(miniport),
      // Mostly code, which lies after the headers: damage to those is refused before anything runs.
      spoil: (original, random) => {
        if (random(4) === 0) return damage(original, random)
        const bytes = Uint8Array.from(original)
        for (let changes = 1 + random(6); changes > 0; changes--) {
          bytes[0x400 + random(bytes.length - 0x400)] = random(256)
        }
        return bytes
      },
      feed(bytes) {
        const file = openSysFile('fuzz.sys', bytes)
        const isVirtio = file.image.rsds?.path.includes('vioblk') === true
        checkDriverFile(
          { file, names: { nameAt: () => null } },
          {
            profile: win10_19041,
            controller: controllerNamed(isVirtio ? 'virtio-blk' : 'ahci'),
            seed: 1,
            settings: {},
            isWhole: false,
          },
        )
      },
    },
    pdb: {
      originals: [...['hal.pdb', 'ntdll.pdb', 'crashtst.pdb'].map(guest), smallPdb],
      feed(bytes) {
        const pdb = new PdbFile(new MemorySource(bytes), 'fuzz.pdb')
        unreadRecords(pdb)
        ask(() => pdb.missingTypes())
        ask(() => pdb.useSections([{ rva: 0x1000 }, { rva: 0x2000 }]))
        for (const symbol of ask(() => [...pdb.symbols()])) ask(() => pdb.near(symbol.rva))
        for (const name of ask(() => [...pdb.typeNames()])) ask(() => pdb.typeByName(name))
        for (let rva = 0x1000; rva < 0x3000; rva += 0x33) {
          ask(() => pdb.lineAt(rva))
          ask(() => pdb.procedureAt(rva))
        }
      },
    },
    isf: {
      originals: [text(JSON.stringify(ISF))],
      // Every fourth is packed, and some of those are damaged after that.
      spoil: (original, random) => {
        const bytes = damageJson(original, random)
        if (random(4) !== 0) return bytes
        const packed = gzipSync(bytes)
        return random(2) === 0 ? packed : damage(packed, random)
      },
      async feed(bytes) {
        const isf = await openIsf(bytes, 'fuzz.json')
        ask(() => isf.near(40))
        ask(() => isf.byName('g'))
        for (const name of ask(() => [...isf.typeNames()])) {
          const type = ask(() => isf.typeByName(name))
          for (const field of type?.fields ?? []) ask(() => isf.resolve(field.type))
        }
      },
    },
    cab: {
      originals: [cabinet(1, mszip), cabinet(0x1003, lzx), cabinet(0, [0, 32768, 65536].map(block))],
      feed(bytes) {
        const opened = new Cabinet(new MemorySource(bytes), 'fuzz.pd_', inflateRaw)
        for (const file of opened.files.slice(0, 4)) for (const _ of opened.expand(file));
      },
    },
    'symbol-path': {
      originals: [
        text('srv*C:\\Symbols*\\\\s\\t*https://a.test/x;cache*;symsrv*symsrv.dll*d:\\y;C:\\z;srv*'),
        text('"C:\\My Symbols";srv*c:\\c*=https://a.test/x;srvc:\\c*htps://a;\'/s\';c https://a;a.test/x'),
      ],
      feed(bytes) {
        parseSymbolPath(new TextDecoder().decode(bytes))
      },
    },
  }
}

const CRASH = {
  bugcheck: 0x50,
  context: { rip: 0xfffff80312401000n, rsp: 0xffffd00022a46988n },
  stack: { address: 0xffffd00022a46988n, words: [1n, 2n, 0xfffff80312402000n] },
  blocks: [
    { address: 0xfffff80312404000n, bytes: new Uint8Array(100) },
    { address: 0xfffff80312404010n, bytes: new Uint8Array(40) },
  ],
  crashed: { thread: 0xffffe00000001000n, process: 0xffffe00000002000n, cid: [4, 8], imageName: 'System' },
}
const SECONDARY = {
  blobs: [
    { tag: '54C84888-01D1-4C1E-BED6-282C98241303', byteLength: 0x100, postPad: 4 },
    { tag: '2B88B710-1C93-4F7C-B06C-655ECC50DECC', byteLength: 0x4d, postPad: 3 },
  ],
  unused: 0x40,
}

const ISF = {
  metadata: { format: '6.2.0', windows: { pdb: { GUID: 'AB'.repeat(16), age: 1, database: 'a.pdb' } } },
  base_types: {
    pointer: { kind: 'int', size: 8, signed: false, endian: 'little' },
    int: { kind: 'int', size: 4, signed: true, endian: 'little' },
  },
  enums: { E: { base: 'int', size: 4, constants: { two: 2, minus: -1 } } },
  user_types: {
    S: {
      kind: 'struct',
      size: 32,
      fields: {
        next: { offset: 8, type: { kind: 'pointer', subtype: { kind: 'struct', name: 'S' } } },
        e: { offset: 0, type: { kind: 'enum', name: 'E' } },
        a: { offset: 16, type: { kind: 'array', count: 3, subtype: { kind: 'base', name: 'int' } } },
        b: {
          offset: 28,
          type: { kind: 'bitfield', bit_position: 3, bit_length: 2, type: { kind: 'base', name: 'int' } },
        },
      },
    },
  },
  symbols: { f: { address: 16, type: { kind: 'function' } }, g: { address: 32, linkage_name: '_g' } },
}

if (isMainThread) await main()
else await work(workerData)

// Dumps that testkit builds beside their RAM: sound, changed by Windows meanwhile, flipped, shifted, with pages missing.
import { type Gpa, MemorySource, PAGE_SIZE, type PageRun, type PhysicalSpace, pfn } from '@dumpstack/bytes'
import { PoolHeader } from '@dumpstack/nt'
import { type BuiltDump, buildDump, type DumpRecipe } from '@dumpstack/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type ExaminationResult, examineDump } from '../examine.ts'
import { poolTag } from './page-owners.ts'

const RUNS: ReadonlyArray<readonly [number, number]> = [
  [1, 0x9e],
  [0x100, 0x300],
  [0x100000, 0x40],
]

class Ram implements PhysicalSpace {
  readonly pages = new Map<number, Uint8Array>()
  get runs(): PageRun[] {
    const runs: PageRun[] = []
    for (const page of [...this.pages.keys()].sort((a, b) => a - b)) {
      const last = runs.at(-1)
      if (last !== undefined && last.basePage + last.pageCount === page)
        runs[runs.length - 1] = { ...last, pageCount: last.pageCount + 1 }
      else runs.push({ basePage: pfn(page), pageCount: 1 })
    }
    return runs
  }
  read(gpa: Gpa, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      const at = gpa + done
      const page = this.pages.get(Math.floor(at / PAGE_SIZE))
      if (page === undefined) break
      const part = page.subarray(at % PAGE_SIZE, (at % PAGE_SIZE) + into.byteLength - done)
      into.set(part, done)
      done += part.byteLength
    }
    return done
  }
  flip(page: number, byte: number): this {
    this.pages.get(page)![byte]! ^= 0x80
    return this
  }
}

function ramOf(built: BuiltDump): Ram {
  const ram = new Ram()
  for (const [index, page] of built.pfns.entries()) {
    const at = built.firstPage + index * PAGE_SIZE
    ram.pages.set(page, built.bytes.slice(at, at + PAGE_SIZE))
  }
  return ram
}

const recipe = (type: DumpRecipe['type']): DumpRecipe => ({ type, runs: RUNS })
const full = buildDump(recipe(5))
const at = (page: number): number => full.firstPage + full.pfns.indexOf(page) * PAGE_SIZE

function examine(
  bytes: Uint8Array,
  ram: readonly [Ram, Ram?],
  type: 'full' | 'kernel' = 'full',
): ExaminationResult {
  const opened = { source: new MemorySource(bytes), modifiedAt: 0 }
  const work = examineDump({ type, opened, known: null, ram, debugged: [] })
  for (let percent = 0; ; ) {
    const step = work.next()
    if (step.done) return step.value
    expect(step.value).toBeGreaterThanOrEqual(percent)
    expect(step.value).toBeLessThanOrEqual(100)
    percent = step.value
  }
}
const openChecks = ({ examination }: ExaminationResult): Record<string, string> =>
  Object.fromEntries(
    examination.checks
      .filter(({ verdict, id }) => verdict !== 'pass' && id !== 'images')
      .map(({ id, verdict, message }) => [id, `${verdict}: ${message}`]),
  )

/** The page of a virtual address that is no address of the kernel's image: pool without headers. */
const pageAt = (va: bigint): number => full.mapped.get(va & ~0xfffn)!
/** A page of RAM that is not mapped: below the 2 MiB page and above everything taken from the start. */
const UNMAPPED = 0x1a0

it.each([1, 5, 6] as const)('passes a dump of type %i whose pages are those of the RAM', (type) => {
  const built = buildDump(recipe(type))
  const result = examine(built.bytes, [ramOf(full)], type === 6 ? 'kernel' : 'full')
  expect(openChecks(result)).toEqual({})
  const pages = built.pfns.length
  expect(result.examination.truth).toMatchObject({
    compared: pages,
    equal: pages,
    different: 0,
    missing: 0,
    extra: 0,
  })
  expect(result.examination.differences).toEqual([])
})

it('fails a page that differs and that no address of the kernel can write', () => {
  const bytes = full.bytes.slice()
  bytes[at(UNMAPPED) + 0x123]! ^= 0x80
  const result = examine(bytes, [ramOf(full)])
  const hex = (value: number): string => `0x${value.toString(16)}`
  expect(openChecks(result)).toEqual({
    truth: expect.stringMatching(
      new RegExp(
        `^fail: 1 page of ${full.pfns.length} compared differs from the RAM: pfn 0x1a0 at file offset ${hex(at(UNMAPPED))} \\(byte 0x123: found 0x\\w+, expected 0x\\w+\\), the kernel has no address for it$`,
      ),
    ),
  })
  expect(result.findings).toMatchObject([{ check: 'truth', pfn: UNMAPPED, fileOffset: at(UNMAPPED) + 0x123 }])
  expect(result.examination.differences).toEqual([
    {
      pfn: UNMAPPED,
      fileOffset: at(UNMAPPED),
      owner: 'unmapped',
      what: expect.any(String),
      isExpected: false,
    },
  ])
})

it('leaves open what the kernel may have written since, and says whose it is', () => {
  const page = pageAt(0xffffc40e11000000n)
  const result = examine(full.bytes, [ramOf(full).flip(page, 0xff8)])
  expect(openChecks(result)['truth']).toMatch(
    /^inconclusive: 1 page .* all of which Windows may have written meanwhile: pfn .* kernel memory at 0xffffc40e11000000$/,
  )
})

it('counts what Windows itself writes at the blue screen, and names it', () => {
  const kernelPage = pageAt(full.kernelBase + 0x5000n)
  const processor = pageAt(0xffffa00000000000n)
  const result = examine(full.bytes, [ramOf(full).flip(kernelPage, 1).flip(processor, 0x800)])
  expect(openChecks(result)).toEqual({})
  expect(result.examination.truth).toMatchObject({ changedByDumpPath: 2, different: 0 })
  expect(result.examination.differences?.map(({ owner, isExpected }) => [owner, isExpected]).sort()).toEqual([
    ['kernel', true],
    ['processor', true],
  ])
  expect(result.messages[0]?.text).toMatch(
    /^2 pages written by Windows between the crash and the RAM: .*KPCR of processor 0 \(pfn /,
  )
})

it('counts data of the dump stack, and leaves data of other drivers and pool open, each by its name', () => {
  const module = (name: string, offset: bigint) => ({ name, base: full.kernelBase + offset, size: PAGE_SIZE })
  const kernel = { name: 'ntoskrnl.exe', base: full.kernelBase, size: 5 * PAGE_SIZE }
  const drivers = [
    module('crashdmp.sys', 0x5000n),
    module('dump_stornvme.sys', 0x6000n),
    module('disk.sys', 0x7000n),
  ]
  const built = buildDump({ ...recipe(5), modules: [kernel, ...drivers] })
  const page = (va: bigint): number => built.mapped.get(va)!
  const pool = page(0xffffc40e1100f000n)
  const ram = ramOf(built)
  ram.pages.get(pool)!.fill(0)
  ram.pages.get(pool)!.set([0, 0, 0x80, 2, ...Buffer.from('NvmX')])
  ram.pages.get(pool)!.set([0x80, 0, 0x80, 2, ...Buffer.from('Disk')], 0x800)
  for (const offset of [0x5000n, 0x6000n, 0x7000n]) ram.flip(page(built.kernelBase + offset), 0x40)
  const { examination } = examine(built.bytes, [ram])
  expect(
    examination.differences?.map(({ what, owner, isExpected }) => [what, owner, isExpected]).sort(),
  ).toEqual([
    ['crashdmp.sys', 'dumpPath', true],
    ['disk.sys', 'image', false],
    ['dump_stornvme.sys', 'dumpPath', true],
    ['pool tag NvmX', 'pool', false],
  ])
  expect(examination.truth).toMatchObject({ changedByDumpPath: 2, different: 2 })
})

it('fails a read-only page of an image that differs', () => {
  const bytes = full.bytes.slice()
  const page = pageAt(full.kernelBase + 0x6000n)
  const entry = new Uint8Array(new BigUint64Array([(1n << 63n) | (BigInt(page) << 12n) | 0x63n]).buffer)
  const place = Buffer.from(bytes.buffer).indexOf(entry)
  bytes[place]! &= ~2
  const ram = ramOf({ ...full, bytes: bytes.slice() }).flip(page, 3)
  expect(openChecks(examine(bytes, [ram]))['truth']).toMatch(/^fail: 1 page .*, read-only in ntoskrnl\.exe$/)
})

it('tells by a second file of RAM what changed while the dump was written', () => {
  const [changed, same] = [pageAt(0xffffc40e11000000n), pageAt(0xffffc40e11001000n)]
  const bytes = full.bytes.slice()
  for (const page of [changed, same]) bytes[at(page) + 0xffc]! ^= 1
  const result = examine(bytes, [ramOf(full), ramOf(full).flip(changed, 0xffc)])
  expect(openChecks(result)).toEqual({
    truth: expect.stringMatching(/^fail: 1 page .*: pfn 0x[0-9a-f]+ .*kernel memory at 0xffffc40e11001000$/),
  })
  expect(result.examination.truth).toMatchObject({ changedByDumpPath: 1, different: 1 })
})

it('names a run that holds the RAM of other pages, and how far it is shifted', () => {
  const bytes = full.bytes.slice()
  bytes.copyWithin(at(0x190), at(0x180), at(0x190))
  expect(openChecks(examine(bytes, [ramOf(full)]))['truth']).toContain(
    'fail: 16 pages of 990 compared differ from the RAM: 16 pages from pfn 0x190 to 0x19f hold the RAM of pfn 0x180 to 0x18f, 16 pages before: shifted; pfn 0x190 ',
  )
})

it('names a run that was left out of the file: the rest is shifted, and the end is missing', () => {
  const cut = Buffer.concat([full.bytes.subarray(0, at(0x180)), full.bytes.subarray(at(0x188))])
  const open = openChecks(examine(cut, [ramOf(full)]))
  expect(open['truth']).toMatch(
    /from pfn 0x180 to 0x100037 hold the RAM of pfn 0x188 to 0x10003f, 8 pages further on: shifted; pfn 0x180 /,
  )
  expect(open['promisedPages']).toMatch(
    /^fail: 8 of 990 pages missing at the end of the file: pfn 0x100038 to 0x10003f \(8 pages\) belongs at file offset 0x[0-9a-f]+$/,
  )
})

it('names pages of the RAM that a full dump leaves out, and only those', () => {
  const built = buildDump({ type: 5, runs: RUNS, physicalMemory: [...RUNS, [0x200000, 0x20]] })
  const ram = ramOf(built)
  for (let page = 0x200000; page < 0x200020; page++) ram.pages.set(page, new Uint8Array(PAGE_SIZE))
  expect(openChecks(examine(built.bytes, [ram]))).toEqual({
    promisedPages:
      'inconclusive: 32 pages that Windows takes for RAM missing, unless a driver had them removed: pfn 0x200000 to 0x20001f (32 pages)',
  })
})

it('compares what the RAM holds, and says what it does not', () => {
  const ram = ramOf(full)
  for (let page = 0x1a0; page < 0x1b0; page++) ram.pages.delete(page)
  expect(openChecks(examine(full.bytes, [ram]))).toEqual({
    unpromisedPages:
      'inconclusive: 16 pages of the dump not compared, the RAM does not hold them: pfn 0x1a0 to 0x1af (16 pages)',
  })
})

it('compares nothing with RAM of another crash', () => {
  const other = ramOf(buildDump({ ...recipe(5), bugcheck: 0xd1 }))
  expect(openChecks(examine(full.bytes, [other]))['ram']).toMatch(
    /^inconclusive: .* its bugcheck is 0xd1 .* is 0xe2 /,
  )
  const zero = ramOf(full)
  for (const page of zero.pages.values()) page.fill(0)
  const result = examine(full.bytes, [zero])
  expect(openChecks(result)['ram']).toMatch(/^inconclusive: .* no KDDEBUGGER_DATA64 at 0x/)
  expect(result.examination).toMatchObject({ truth: null, verdict: expect.not.stringMatching('pass') })
})

it('takes the tag of the pool block that a byte lies in, from a page of whole blocks alone', () => {
  const ram = new Ram()
  const page = new Uint8Array(PAGE_SIZE)
  const block = (offset: number, previous: number, size: number, tag: string): void => {
    page[offset] = previous
    page[offset + 2] = size
    page.set(Buffer.from(tag, 'latin1'), offset + 4)
  }
  block(0, 0, 0x40, 'Nvme')
  block(0x400, 0x40, 0xc0, 'StAh')
  ram.pages.set(7, page)
  expect(poolTag(pfn(7), 0x3ff, ram)).toBe('Nvme')
  expect(poolTag(pfn(7), 0x400, ram)).toBe('StAh')
  page[0x400] = 0x41
  expect(poolTag(pfn(7), 0x3ff, ram)).toBe(null)
  expect(PoolHeader.size).toBe(16)
})

it('ends with a verdict whatever the RAM and the dump hold', () => {
  const word = fc.record({
    page: fc.constantFrom(...full.pfns.slice(0, 12), ...full.pfns.slice(-64)),
    at: fc.nat(511).map((index) => index * 8),
    value: fc.oneof(
      fc.bigInt(0n, 2n ** 64n - 1n),
      fc.bigInt(0n, 0x100000n).map((value) => (value << 12n) | 0x63n),
    ),
    isInDump: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), (words) => {
      const bytes = full.bytes.slice()
      const ram = ramOf(full)
      for (const { page, at: byte, value, isInDump } of words) {
        if (isInDump) new DataView(bytes.buffer).setBigUint64(at(page) + byte, value, true)
        else new DataView(ram.pages.get(page)!.buffer).setBigUint64(byte, value, true)
      }
      expect(['pass', 'fail', 'inconclusive']).toContain(examine(bytes, [ram]).examination.verdict)
    }),
    { numRuns: 100 },
  )
})

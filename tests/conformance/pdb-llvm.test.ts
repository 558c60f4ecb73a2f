// What our PDB reader says about real files, in full, against llvm-pdbutil: guest PDBs (lld) and PDBs of Microsoft's linker.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import { Cabinet, type LocalPlace, PdbFile } from '@dumpstack/symbols'
import { inflateRaw } from '@dumpstack/symbols/node'
import { afterAll, describe, expect, it } from 'vitest'
import { hex, ourLines, theirLines } from './pdb-types.ts'
import { GUEST_BIN, goodMiniports, hasTool, MINIPORT_BIN, sharedData, toolOutput } from './tools.ts'

const PDBUTIL = 'llvm-pdbutil-16'
const isInstalled = hasTool(PDBUTIL)

const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-pdb-'))

const SHARED = [
  'bp_omap_reorder_funcs.pdb',
  'moz_dump_syms_regtest64.pdb',
  'sentry_CrashWithException.pdb',
  'syz_test_types_x64.pdb',
]
const files: [name: string, file: string | null][] = [
  ...readdirSync(GUEST_BIN)
    .filter((name) => name.endsWith('.pdb'))
    .map((name): [string, string] => [name, path.join(GUEST_BIN, name)]),
  ...goodMiniports
    .map((name) => name.replace(/sys$/, 'pdb'))
    .map((name): [string, string] => [name, path.join(MINIPORT_BIN, name)]),
  ...SHARED.map((name): [string, string | null] => [name, sharedData(`pdb/${name}`)]),
  ['moz_basic32.pd_', expanded('moz_basic32.pd_')],
]

/** A PDB as symbol stores keep it, expanded into a folder of this test, where llvm-pdbutil can read it. */
function expanded(name: string): string | null {
  const packed = sharedData(`pdb/${name}`)
  if (packed === null) return null
  const source = new FileSource(packed)
  const cabinet = new Cabinet(source, name, inflateRaw)
  const file = path.join(folder, name)
  writeFileSync(file, Buffer.concat([...cabinet.expand(cabinet.files[0]!)]))
  source.close()
  return file
}
afterAll(() => rmSync(folder, { recursive: true }))

/** The records of a dump: from a line with a place and a kind to the next. */
const recordsOf = (output: string): string[] =>
  output
    .split(/^ *(?=(?:0x[0-9A-F]+|\d+) \| [SL])/m)
    .slice(1)
    .map((text) => text.trimEnd())

const placeText = (place: LocalPlace | null): string | null =>
  place === null ? null : place.kind === 'register' ? place.register : `[${place.register}+${place.offset}]`

/** The part of each module. */
const modulesOf = (output: string): string[] => output.split(/^ *Mod \d+ \| .*$/m).slice(1)

/** Procedures and the locals that are their own, from `--symbols`; those that are there twice (S_LOCAL and by place) once. */
function proceduresOf(module: string): string[] {
  const lines: string[] = []
  let inlined = 0
  let isInside = false
  const known = new Set<string>()
  for (const text of recordsOf(module)) {
    const [, kind, name] = /\| (S_\w+) \[size = \d+\](?: `(.*)`)?/.exec(text)!
    if (/^S_[GL]PROC32/.test(kind!)) {
      isInside = true
      known.clear()
      lines.push(`${name} ${/addr = (\d+:\d+)/.exec(text)![1]} ${/code size = (\d+)/.exec(text)![1]}`)
    } else if (kind === 'S_INLINESITE') inlined++
    else if (kind === 'S_INLINESITE_END') inlined--
    else if (isInside && inlined === 0 && /^S_(LOCAL|REGREL32|BPREL32|REGISTER)$/.test(kind!)) {
      const line = `  ${name} ${/type ?= ?(0x\w+)/.exec(text)![1]}`
      if (kind === 'S_LOCAL') known.add(line)
      else if (known.has(line)) continue
      lines.push(line)
    }
  }
  return lines
}

interface TheirRange {
  /** `rcx`, or `[rsp+40]`. */
  readonly place: string
  readonly start: number
  readonly end: number
  readonly gaps: readonly (readonly [start: number, end: number])[]
}
interface TheirLocal {
  readonly name: string
  readonly ranges: TheirRange[]
  /** Something else than these tells its place. */
  hasOther: boolean
}

/** What each S_LOCAL of each procedure says of its places, from `--symbols`; by the procedure's name and address. */
function theirPlaces(module: string): Map<string, TheirLocal[]> {
  const procedures = new Map<string, TheirLocal[]>()
  let locals: TheirLocal[] = []
  let inlined = 0
  let bases = { local: '', param: '' }
  let isParameter = false
  const records = recordsOf(module)
  for (const [index, text] of records.entries()) {
    const [, kind, name] = /\| (S_\w+) \[size = \d+\](?: `(.*)`)?/.exec(text)!
    const of = (pattern: RegExp): string => pattern.exec(text)?.[1]?.toLowerCase() ?? ''
    if (/^S_[GL]PROC32/.test(kind!)) {
      locals = []
      // before the locals or after them
      const frame = records.slice(index).find((one) => one.includes('| S_FRAMEPROC')) ?? ''
      const base = (which: string): string =>
        new RegExp(`${which} fp reg = (\\w+)`).exec(frame)?.[1]?.toLowerCase() ?? ''
      bases = { local: base('local'), param: base('param') }
      procedures.set(`${name} ${/addr = (\d+:\d+)/.exec(text)![1]}`, locals)
    } else if (kind === 'S_INLINESITE') inlined++
    else if (kind === 'S_INLINESITE_END') inlined--
    else if (inlined > 0) continue
    else if (kind === 'S_LOCAL') {
      locals.push({ name: name!, ranges: [], hasOther: false })
      isParameter = /flags = .*param/.test(text)
    } else if (/^S_(REGREL32|BPREL32|REGISTER)$/.test(kind!)) {
      for (const local of locals) local.hasOther ||= local.name === name
    } else if (/^S_DEFRANGE_(REGISTER|REGISTER_REL|FRAMEPOINTER_REL)$/.test(kind!)) {
      const [, start, length] = /(?:range start = \d+:|range = \[\d+:)(\d+),(?: length = |\+)(\d+)/.exec(
        text,
      )!
      const base = of(/register = (\w+)/) || (isParameter ? bases.param : bases.local)
      const offset = of(/\boffset = (-?\d+)/)
      const gaps = [...text.matchAll(/\((\d+),\s*(\d+)\)/g)].map(([, at, count]) => {
        return [Number(start) + Number(at), Number(start) + Number(at) + Number(count)] as const
      })
      if (/has spilled udt = true/.test(text)) continue
      // llvm-pdbutil 16 shows some gaps of a record as none; frames of x86 and of no register, and x87, are not read
      const fixedBytes = kind === 'S_DEFRANGE_REGISTER_REL' ? 20 : 16
      const isCut = Number(/size = (\d+)/.exec(text)![1]) !== fixedBytes + gaps.length * 4
      if (isCut || /^(|ebp|vframe|st\d)$/.test(base)) locals.at(-1)!.hasOther = true
      const place = kind === 'S_DEFRANGE_REGISTER' ? base : `[${base}+${offset}]`
      locals.at(-1)?.ranges.push({ place, start: Number(start), end: Number(start) + Number(length), gaps })
    }
  }
  return procedures
}

/**
 * Files, pieces of code and lines, from `-l`. For a module without lines llvm-pdbutil 16 repeats those of the module
 * before, and cannot name their files then: these are left out.
 */
function linesOf(module: string): string[] {
  const lines: string[] = []
  let file = ''
  for (const text of module.split('\n')) {
    const piece = /^ +(\d+):([0-9A-F]+)-([0-9A-F]+), line\/addr entries/.exec(text)
    if (piece !== null) {
      lines.push(
        file,
        `  ${Number(piece[1])}:${hex(Number.parseInt(piece[2]!, 16))}-${hex(Number.parseInt(piece[3]!, 16))}`,
      )
    } else if (/^ *(\d+|[AN]SI) [0-9A-F]{8}/.test(text)) {
      for (const [, line, at] of text.matchAll(/(\d+|[AN]SI)[ !]+([0-9A-F]{8})/g)) {
        // "Always step into", "never step into": not lines.
        const number = line === 'ASI' ? 0xfeefee : line === 'NSI' ? 0xf00f00 : Number(line)
        lines.push(`    ${number} ${hex(Number.parseInt(at!, 16))}`)
      }
    } else if (text.trim() !== '')
      file = /^ *(.*?)(?: \((?:MD5|SHA-1|SHA-256|no checksum).*\))?$/.exec(text)![1]!
  }
  return lines.includes('(unknown file name offset 0)') ? [] : lines
}

/** `0001:2400`, as llvm-pdbutil writes it: the offset in decimal. */
const address = (segment: number, offset: number): string =>
  `${String(segment).padStart(4, '0')}:${String(offset).padStart(4, '0')}`

/** Of LF_PROCEDURE and LF_MFUNCTION, whose parameter count stands at other places. */
function parameterCount(pdb: PdbFile, type: number): number {
  if (type < 0x1000) return Number.POSITIVE_INFINITY
  const { stream } = pdb.types.records
  const { leaf, offset } = pdb.types.records.at(type)
  if (leaf === 0x1008) return stream.u16(offset + 10, 'count')
  return leaf === 0x1009 ? stream.u16(offset + 18, 'count') : Number.POSITIVE_INFINITY
}

describe.each(files)('%s reads as llvm-pdbutil reads it', (name, file) => {
  const test = it.skipIf(!isInstalled || file === null)
  const needs = `(needs ${PDBUTIL}${file === null ? ` and shared/data/pdb/${name}` : ''})`
  const sources: FileSource[] = []
  const open = (): PdbFile => {
    sources.push(new FileSource(file!))
    return new PdbFile(sources.at(-1)!, name)
  }
  const dump = (...options: string[]): string => toolOutput(PDBUTIL, ['dump', ...options, file!])
  afterAll(() => {
    for (const source of sources) source.close()
  })

  test(`identity ${needs}`, () => {
    const output = dump('--summary')
    const field = (label: string): string => new RegExp(`${label}: (.*)`).exec(output)![1]!
    const pdb = open()
    expect(`{${pdb.info.guid}}`).toBe(field('GUID').replaceAll('-', ''))
    expect(String(pdb.info.age)).toBe(field('Age'))
    expect(String(pdb.info.signature)).toBe(field('Signature'))
    expect(String(pdb.msf.streamCount)).toBe(field('Number of streams'))
    expect(String(pdb.dbi!.isStripped)).toBe(field('Is stripped'))
    expect(String(pdb.dbi!.isIncrementallyLinked)).toBe(field('Is incrementally linked'))
  })

  test(`publics ${needs}`, () => {
    const output = dump('--publics')
    const expected = [
      ...output.matchAll(/\| S_PUB32 \[size = \d+\] `(.*)`\n +flags = (.*), addr = (\d+:\d+)/g),
    ].map((m) => `${m[1]} ${m[3]} ${m[2]!.includes('function')}`)
    expect(expected.length).toBeGreaterThan(0)
    const pdb = open()
    const publics = [...pdb.publics!]
    expect(
      publics
        .map(
          (symbol) => `${symbol.name} ${address(symbol.segment, symbol.offset)} ${(symbol.flags & 2) !== 0}`,
        )
        .sort(),
    ).toEqual(expected.sort())
    // Each is found by its name, and each that has an address by that.
    for (const { name, segment, offset } of publics) {
      expect([...pdb.publics!.byName(name)].map((found) => found.name)).toContain(name)
      const rva = pdb.segments.rvaOf(segment, offset)
      if (rva < 0) continue
      expect(pdb.near(rva)).toMatchObject({ rva, displacement: 0 })
      expect(pdb.byName(name)?.name).toBe(name)
    }
  })

  test(`globals ${needs}`, () => {
    const expected = recordsOf(dump('--globals')).map((text) => {
      const [, kind, name, rest] = /\| (S_\w+) \[size = \d+\] `(.*)`\n([\s\S]*)/.exec(text)!
      const number = (pattern: RegExp): string => pattern.exec(rest!)![1]!
      if (kind!.endsWith('PROCREF')) {
        return `procedure ${name} ${number(/module = (\d+)/)} ${number(/offset = (\d+)/)}`
      }
      if (kind === 'S_UDT') return `type ${name} ${number(/original type = (0x\w+)/)}`
      if (kind === 'S_CONSTANT') {
        return `constant ${name} ${number(/type = (0x\w+)/)} ${number(/value = (-?\d+)/)}`
      }
      const word = kind!.includes('THREAD') ? 'thread' : 'data'
      return `${word} ${name} ${number(/type = (0x\w+)/)} ${number(/addr = (\d+:\d+)/)}`
    })
    const pdb = open()
    const found = [...pdb.globals!].map((symbol) => {
      switch (symbol.kind) {
        case 'procedure':
          return `procedure ${symbol.name} ${symbol.module + 1} ${symbol.symbolOffset}`
        case 'type':
          return `type ${symbol.name} ${hex(symbol.type)}`
        case 'constant':
          return `constant ${symbol.name} ${hex(symbol.type)} ${symbol.value}`
        case 'other':
          return `other ${symbol.recordKind}`
        default:
          return `${symbol.kind} ${symbol.name} ${hex(symbol.type)} ${address(symbol.segment, symbol.offset)}`
      }
    })
    expect(found).toEqual(expected)
    for (const symbol of pdb.globals!) {
      const offsets = [...pdb.globals!.byName(symbol.name)].map((other) => other.recordOffset)
      expect(offsets).toContain(symbol.recordOffset)
    }
  })

  test(`types: every record that Dumpstack reads ${needs}`, () => {
    const records = recordsOf(dump('--types')).map((text) => {
      const [, index, leaf, name] = /^(0x\w+) \| (LF_\w+) \[size = \d+\](?: `(.*)`)?/.exec(text)!
      return { index: Number(index), leaf: leaf!, name: name ?? '', text }
    })
    const { types } = open()
    expect(types.records.length).toBe(records.length)
    const theirs = new Map(
      records.map(({ index, leaf, name, text }) => [index, theirLines(leaf, name, text)]),
    )
    // We read a list that goes on in another record as one.
    const whole = (index: number): string[] =>
      theirs.get(index)!.flatMap((line) => {
        const next = /^continued (.*)/.exec(line)
        return next === null ? [line] : whole(Number(next[1]))
      })
    // From the last to the first: every record is found without those before it.
    for (const { index } of records.reverse()) {
      expect([hex(index), ...ourLines(types, index)]).toEqual([hex(index), ...whole(index)])
    }
  })

  test(`types by name ${needs}`, () => {
    const defined = recordsOf(dump('--types'))
      .map((text) => ({
        text,
        found: /\| LF_(?:CLASS|STRUCTURE|UNION|ENUM) \[size = \d+\] `(.*)`/.exec(text),
      }))
      .filter(({ text, found }) => found !== null && !text.includes('forward ref'))
    const pdb = open()
    expect([...pdb.typeNames()].sort()).toEqual([...new Set(defined.map(({ found }) => found![1]!))].sort())
    for (const { text, found } of defined.reverse()) {
      const type = pdb.typeByName(found![1]!)!
      const size = /sizeof (\d+)/.exec(text)?.[1]
      // Of types that share a name (`<unnamed-tag>`) the first is found: that is the last here.
      if (size !== undefined && defined.filter((other) => other.found![1] === found![1]).length === 1) {
        expect([found![1], type.size]).toEqual([found![1], Number(size)])
      }
      for (const field of 'fields' in type ? type.fields : []) pdb.resolve(field.type)
    }
  })

  test(`ids ${needs}`, () => {
    const output = dump('--ids')
    const count = /Showing ([\d,]+) records/.exec(output)?.[1]?.replaceAll(',', '')
    expect(open().ids?.length ?? 0).toBe(Number(count ?? 0))
  })

  test(`modules and section contributions ${needs}`, () => {
    const pdb = open()
    const modules = [
      ...dump('--modules').matchAll(
        /Mod \d+ \| `(.*)`: \n *Obj: `(.*)`: \n *debug stream: (\d+), # files: (\d+)/g,
      ),
    ].map((m) => [m[1], m[2], m[3] === '65535' ? null : Number(m[3]), Number(m[4])])
    expect(modules.length).toBeGreaterThan(0)
    expect(
      pdb.dbi!.modules.map((module) => [
        module.name,
        module.objectFile,
        module.stream,
        module.sourceFileCount,
      ]),
    ).toEqual(modules)
    const contributions: string[] = []
    pdb.dbi!.eachContribution((segment, offset, byteLength, module) => {
      contributions.push(`${module} ${address(segment, offset)} ${byteLength}`)
    })
    expect(contributions).toEqual(
      [...dump('--section-contribs').matchAll(/mod = (\d+), (\d+:\d+), size = (\d+)/g)].map(
        (m) => `${m[1]} ${m[2]} ${m[3]}`,
      ),
    )
    expect(pdb.dbi!.sectionMap().map((entry) => [entry.frame, entry.offset, entry.sectionLength])).toEqual(
      [...dump('--section-map').matchAll(/frame = (\d+), name = \d+\n.*offset = (\d+), size = (\d+)/g)].map(
        (m) => m.slice(1).map(Number),
      ),
    )
  })

  test(`procedures and their locals ${needs}`, () => {
    const expected = modulesOf(dump('--symbols')).flatMap(proceduresOf)
    const pdb = open()
    const found: string[] = []
    for (let i = 0; i < pdb.modules.list.length; i++) {
      const symbols = pdb.modules.symbolsOf(i)
      for (const procedure of symbols?.procedures() ?? []) {
        found.push(
          `${procedure.name} ${address(procedure.segment, procedure.offset)} ${procedure.byteLength}`,
        )
        for (const local of symbols!.locals(procedure)) found.push(`  ${local.name} ${hex(local.type)}`)
      }
    }
    expect(found).toEqual(expected)
    for (const procedure of pdb.modules.procedures()) {
      expect(pdb.byName(procedure.name)).not.toBeNull()
      const last = pdb.segments.fromSource(procedure.sourceRva + procedure.byteLength - 1)
      // Of functions that the linker folded into one any may be named.
      expect(pdb.procedureAt(last)?.rva).toBe(procedure.rva)
      // Its type counts what is written; `this` comes on top, and what was optimised away is not named.
      const locals = pdb.modules.symbolsOf(procedure.module)!.locals(procedure)
      const parameters = locals.filter((local) => local.isParameter && local.name !== 'this')
      expect(parameters.length).toBeLessThanOrEqual(parameterCount(pdb, procedure.type))
      for (const { type, typeName } of pdb.procedureAt(procedure.rva)?.locals ?? []) {
        expect([type, typeName]).not.toEqual([type, ''])
      }
    }
  })

  test(`places of locals ${needs}`, () => {
    const pdb = open()
    const theirs = modulesOf(dump('--symbols')).map(theirPlaces)
    for (let i = 0; i < pdb.modules.list.length; i++) {
      const symbols = pdb.modules.symbolsOf(i)
      for (const procedure of symbols?.procedures() ?? []) {
        const key = `${procedure.name} ${address(procedure.segment, procedure.offset)}`
        const all = theirs[i]!.get(key)!
        const odd = new Set(all.filter(({ hasOther }) => hasOther).map(({ name }) => name))
        const expected = all.filter(({ name }) => !odd.has(name))
        const edges = new Set(
          expected.flatMap(({ ranges }) =>
            ranges.flatMap(({ start, end, gaps }) => [start - 1, start, end - 1, end, ...gaps.flat()]),
          ),
        )
        for (const at of edges) {
          const places = symbols!
            .locals(procedure, at)
            .map(({ name, place }) => ({ name, place: placeText(place) }))
          const names = new Set(expected.map(({ name }) => name))
          const isIn = ({ start, end, gaps }: TheirRange): boolean =>
            at >= start && at < end && !gaps.some(([from, to]) => at >= from && at < to)
          expect([key, at, places.filter(({ name }) => names.has(name))]).toEqual([
            key,
            at,
            expected.map(({ name, ranges }) => ({ name, place: ranges.findLast(isIn)?.place ?? null })),
          ])
        }
      }
    }
  })

  test(`lines ${needs}`, () => {
    const expected = modulesOf(dump('-l')).flatMap(linesOf)
    const pdb = open()
    const found: string[] = []
    for (let i = 0; i < pdb.modules.list.length; i++) {
      for (const raw of pdb.modules.linesOf(i)?.raw() ?? []) {
        found.push(pdb.names!.at(raw.nameOffset))
        const start = raw.offset
        found.push(`  ${raw.segment}:${hex(start)}-${hex(start + raw.codeSize)}`)
        for (const [offset, line] of raw.lines) {
          found.push(`    ${line} ${hex(start + offset)}`)
          const rva = pdb.segments.rvaOf(raw.segment, start + offset)
          if (rva < 0 || line === 0xfeefee || line === 0xf00f00 || offset >= raw.codeSize) continue
          expect(pdb.lineAt(rva)).toMatchObject({ displacement: 0 })
        }
      }
    }
    expect(found).toEqual(expected)
  })
})

// What Microsoft's own reader (DIA) says of the PDB whose functions were put in another order: Breakpad's
// src/tools/windows/dump_syms/testdata/omap_reorder_funcs.sym, made with it from the same file.
const moved = sharedData('pdb/bp_omap_reorder_funcs.pdb')
it.skipIf(moved === null)('finds functions and lines where OMAP moved them (needs shared/data/pdb)', () => {
  const source = new FileSource(moved!)
  const pdb = new PdbFile(source, 'bp_omap_reorder_funcs.pdb')
  const functions: [name: string, rva: number, byteLength: number][] = [
    ['main', 0x41e2, 0x54],
    ['google_breakpad::i', 0x4242, 0xa],
    ['google_breakpad::C::C', 0x2b6a, 0x21],
    ['google_breakpad::C::~C', 0x30dd, 0x14],
    ['google_breakpad::C::set_member', 0x21f6, 0x16],
  ]
  for (const [name, rva, byteLength] of functions) {
    expect(pdb.procedureAt(rva + byteLength - 1)).toMatchObject({ name, rva, byteLength })
    expect(pdb.near(rva + 3)).toMatchObject({ name, rva, displacement: 3 })
  }
  const lines: [rva: number, byteLength: number, line: number][] = [
    [0x41e2, 6, 57],
    [0x41e8, 8, 58],
    [0x41f0, 0xe, 59],
    [0x41fe, 8, 60],
    [0x30dd, 0x14, 38],
    [0x4242, 3, 51],
    [0x4245, 5, 52],
  ]
  for (const [rva, byteLength, line] of lines) {
    expect(pdb.lineAt(rva)).toMatchObject({ line, displacement: 0 })
    expect(pdb.lineAt(rva + byteLength - 1)?.line).toBe(line)
  }
  source.close()
})

const portable = sharedData('pdb/portable_dotnet_negative.pdb')
it.skipIf(portable === null)('refuses a portable PDB by name (needs shared/data/pdb)', () => {
  const source = new FileSource(portable!)
  expect(() => new PdbFile(source, 'portable.pdb')).toThrow(
    expect.objectContaining({
      code: 'SYMBOLS_NOT_A_PDB',
      message: expect.stringContaining('a portable PDB (.NET metadata)'),
    }),
  )
  source.close()
})

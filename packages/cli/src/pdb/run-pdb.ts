// `dumpstack pdb FILE`: what a PDB holds. Each view but the summary, which counts all records, reads only the streams that it
// shows.
import { readFileSync } from 'node:fs'
import { hex } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { parsePe } from '@dumpstack/image'
import {
  type ImageSection,
  type LocalPlace,
  PdbFile,
  SymbolsError,
  type SymbolType,
  typeText,
  unreadRecords,
  unreadText,
} from '@dumpstack/symbols'
import { readNamed } from '../files/named-input.ts'
import { EXIT_NOT_GOOD } from '../program/exit-code.ts'
import { UsageError } from '../program/usage-error.ts'
import { printJson, printLines, tell } from '../terminal/terminal.ts'

export type PdbView =
  | { readonly kind: 'summary' | 'publics' }
  | { readonly kind: 'types'; readonly name: string | null }
  | { readonly kind: 'lines'; readonly address: string }

/** What a view shows, as JSON has it, and the same as text. */
interface Shown {
  readonly json: object
  readonly lines: readonly string[]
}

export interface GivenPdbOptions {
  readonly summary?: true
  readonly publics?: true
  readonly types?: true | string
  readonly lines?: string
  readonly image?: string
  readonly json?: true
}

export function viewOf(given: GivenPdbOptions): PdbView {
  const views: PdbView[] = []
  if (given.summary) views.push({ kind: 'summary' })
  if (given.publics) views.push({ kind: 'publics' })
  if (given.types !== undefined)
    views.push({ kind: 'types', name: given.types === true ? null : given.types })
  if (given.lines !== undefined) views.push({ kind: 'lines', address: given.lines })
  if (views.length > 1) {
    throw new UsageError(`--${views[0]!.kind} and --${views[1]!.kind} exclude each other`)
  }
  return views[0] ?? { kind: 'summary' }
}

export function runPdb(file: string, image: string | null, view: PdbView, asJson: boolean): number {
  const source = readNamed(file, () => new FileSource(file))
  try {
    const pdb = new PdbFile(source, file)
    if (image !== null) pdb.useSections(sectionsOf(image, pdb))
    const shown = show(pdb, view)
    if (asJson) printJson(shown.json)
    else printLines(shown.lines)
    return 0
  } catch (error) {
    if (!(error instanceof SymbolsError)) throw error
    tell(`error: ${error.message} [${error.code}]`)
    return EXIT_NOT_GOOD
  } finally {
    source.close()
  }
}

/** Those of the image that the PDB belongs to: by those of another build every address would be wrong. */
function sectionsOf(file: string, pdb: PdbFile): readonly ImageSection[] {
  const { sections, rsds } = parsePe(readNamed(file, () => readFileSync(file)))
  if (rsds?.guid === pdb.identity.guid) return sections
  const named = rsds === null ? 'names no PDB' : `was built with ${rsds.guid}`
  throw new UsageError(`--image ${file} ${named}, but ${pdb.origin} is ${pdb.identity.guid}`)
}

function show(pdb: PdbFile, view: PdbView): Shown {
  switch (view.kind) {
    case 'summary':
      return summary(pdb)
    case 'publics':
      return publics(pdb)
    case 'types':
      return view.name === null ? types(pdb) : type(pdb, view.name)
    case 'lines':
      return line(pdb, view.address)
  }
}

function summary(pdb: PdbFile): Shown {
  const { identity, info, dbi } = pdb
  const modules = dbi?.modules ?? []
  const counts = {
    streams: pdb.msf.streamCount,
    modules: modules.length,
    modulesWithSymbols: modules.filter(({ stream }) => stream !== null).length,
    publics: pdb.publics?.length ?? 0,
    globals: pdb.globals?.length ?? 0,
    types: countOrRefusal(() => (pdb.hasTypes ? pdb.types.records.length : 0)),
    ids: countOrRefusal(() => pdb.ids?.length ?? 0),
  }
  const unread = unreadRecords(pdb)
  const json = {
    file: pdb.origin,
    ...identity,
    storeKey: `${identity.guid}${identity.age.toString(16).toUpperCase()}`,
    fileAge: info.age,
    machine: dbi === null ? null : hex(dbi.machine),
    isStripped: dbi?.isStripped ?? false,
    blockSize: pdb.msf.blockSize,
    hasSections: pdb.hasSections,
    counts,
    unread,
  }
  return {
    json,
    lines: [
      pdb.origin,
      `  identity   ${identity.guid}, age ${identity.age}`,
      `  store key  ${json.storeKey}`,
      `  machine    ${json.machine ?? 'none: types alone'}${json.isStripped ? ', stripped' : ''}`,
      `  file       ${counts.streams} streams, blocks of ${hex(json.blockSize)} bytes, written ${info.age} time${info.age === 1 ? '' : 's'}`,
      `  symbols    ${counts.publics} publics, ${counts.globals} globals`,
      `  types      ${counts.types ?? 'unread'} types, ${counts.ids ?? 'unread'} ids`,
      `  modules    ${counts.modules}, ${counts.modulesWithSymbols} with symbols`,
      ...(pdb.hasSections
        ? []
        : ['  sections   none: addresses need the section headers of the image (--image)']),
      ...unread.records.map((kind) => `  not read   ${unreadText(kind)}`),
      ...unread.refused.map(({ part, why }) => `  not read   ${part}: ${why}`),
    ],
  }
}

const sectionsLine = (pdb: PdbFile): string[] =>
  pdb.hasSections ? [] : ['  sections   none: addresses need the section headers of the image (--image FILE)']

/** null where the version of the stream is not read: `unread` says which. */
function countOrRefusal(count: () => number): number | null {
  try {
    return count()
  } catch (error) {
    if (error instanceof SymbolsError) return null
    throw error
  }
}

function publics(pdb: PdbFile): Shown {
  const symbols = [...(pdb.publics ?? [])].map(({ name, segment, offset, flags }) => {
    const rva = pdb.hasSections ? pdb.segments.rvaOf(segment, offset) : -1
    return {
      name,
      segment,
      offset: hex(offset),
      rva: rva < 0 ? null : hex(rva),
      isFunction: (flags & 2) !== 0,
    }
  })
  return {
    json: { publics: symbols },
    lines: [
      ...symbols.map(
        ({ name, segment, offset, rva }) =>
          `${(rva ?? '-').padStart(10)}  ${segment.toString(16).padStart(4, '0')}:${offset.slice(2).padStart(8, '0')}  ${name}`,
      ),
      ...sectionsLine(pdb),
    ],
  }
}

function types(pdb: PdbFile): Shown {
  const defined = [...pdb.types.definitions()].map((type) => ({
    kind: type.kind,
    name: type.name,
    size: type.kind === 'enum' ? pdb.types.sizeOf(type.underlyingType) : type.size,
  }))
  const missing = pdb.missingTypes()
  return {
    json: { types: defined, ...(missing !== null && { missing }) },
    lines: [
      ...defined.map(({ kind, name, size }) => `${kind.padEnd(6)}  ${hex(size).padStart(8)}  ${name}`),
      ...(missing === null ? [] : [missing]),
    ],
  }
}

function type(pdb: PdbFile, name: string): Shown {
  const found = pdb.typeByName(name)
  if (found === null) {
    const missing = pdb.missingTypes()
    throw new SymbolsError(
      'SYMBOLS_NOT_FOUND',
      `type ${name} is not in ${pdb.origin}, which has ${countOf(pdb.typeNames())} names of types${missing === null ? '' : `, and ${missing}`}`,
      {
        name,
      },
    )
  }
  return { json: typeAsJson(pdb, found), lines: typeAsLines(pdb, found) }
}

const countOf = (names: Iterable<string>): number => [...names].length

function typeAsJson(pdb: PdbFile, type: SymbolType): object {
  switch (type.kind) {
    case 'struct':
    case 'union':
    case 'class':
      return {
        kind: type.kind,
        name: type.name,
        size: type.size,
        fields: type.fields.map((field) => ({
          name: field.name,
          offset: field.offset,
          type: typeText(pdb, field.type),
          ...(field.isBase && { isBase: true }),
        })),
      }
    case 'enum':
      return {
        kind: 'enum',
        name: type.name,
        size: type.size,
        values: type.values.map(({ name, value }) => ({ name, value: String(value) })),
      }
    default:
      return { kind: type.kind, size: type.size }
  }
}

function typeAsLines(pdb: PdbFile, type: SymbolType): string[] {
  switch (type.kind) {
    case 'struct':
    case 'union':
    case 'class': {
      const width = Math.max(16, ...type.fields.map(({ name }) => name.length))
      return [
        `${type.kind} ${type.name}, ${type.fields.length} elements, ${hex(type.size)} bytes`,
        ...type.fields.map(({ name, offset, type: ref, isBase }) => {
          const place = `+0x${offset.toString(16).padStart(3, '0')}`
          return `   ${place} ${isBase ? `${name} (base class)` : `${name.padEnd(width)} : ${typeText(pdb, ref)}`}`
        }),
      ]
    }
    case 'enum':
      return [
        `enum ${type.name}, ${type.values.length} values, ${hex(type.size)} bytes`,
        ...type.values.map(({ name, value }) => `   ${name} = 0n${value}`),
      ]
    default:
      return [`${type.kind}, ${hex(type.size)} bytes`]
  }
}

function line(pdb: PdbFile, address: string): Shown {
  const rva = addressOf(pdb, address)
  const near = pdb.near(rva)
  const procedure = pdb.procedureAt(rva)
  const source = pdb.lineAt(rva)
  if (source === null) {
    const place = near === null ? '' : ` (${near.name}+${hex(near.displacement)})`
    throw new SymbolsError('SYMBOLS_NOT_FOUND', `${pdb.origin} has no line for ${hex(rva)}${place}`, { rva })
  }
  const locals = procedure?.locals ?? []
  return {
    json: { rva: hex(rva), symbol: near, function: procedure, line: source },
    lines: [
      `${hex(rva)}  ${near === null ? '' : `${near.name}+${hex(near.displacement)}`}`,
      `  ${source.file}(${source.line})+${hex(source.displacement)}`,
      ...(procedure === null
        ? []
        : [
            `  function   ${procedure.name}, ${hex(procedure.rva)} to ${hex(procedure.rva + procedure.byteLength)}`,
          ]),
      ...locals.map(
        ({ name, typeName, isParameter, place }) =>
          `  ${isParameter ? 'parameter' : 'local    '}  ${typeName} ${name}${placeText(place)}`,
      ),
    ],
  }
}

function placeText(place: LocalPlace | null): string {
  if (place === null) return ''
  if (place.kind === 'register') return `, in ${place.register}`
  const { register, offset } = place
  return `, at ${register}${offset < 0 ? '-' : '+'}${hex(Math.abs(offset))}`
}

/** `0x1234` (an RVA), `KeBugCheckEx`, `KeBugCheckEx+0x10`. */
function addressOf(pdb: PdbFile, text: string): number {
  const parts = /^(?:(0x[0-9a-f]{1,8})|([^+]+)(?:\+(0x[0-9a-f]{1,8}|\d{1,9}))?)$/i.exec(text)
  if (parts === null) throw new UsageError(`'${text}' is no address: an RVA (0x1234), a name, or a name+0x10`)
  if (parts[1] !== undefined) return Number(parts[1])
  const symbol = pdb.byName(parts[2]!)
  if (symbol === null) {
    throw new SymbolsError('SYMBOLS_NOT_FOUND', `symbol ${parts[2]} is not in ${pdb.origin}`, {
      name: parts[2],
    })
  }
  return symbol.rva + Number(parts[3] ?? 0)
}

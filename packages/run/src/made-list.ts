// dumpstack-run.jsonl: the marker of the run that owns a folder, and the list of what the run has made there. The first line is the
// marker; each later one names an entry of the folder, before it is made or after it is gone. docs/formats/run-folder.md.
import { printableJson } from '@dumpstack/bytes'
import { scenarios } from '@dumpstack/crashtest'
import { Facts, KeptRunError } from '@dumpstack/target'
import { isInnerName } from './inner-name.ts'
import { isInPlace, isRecord } from './run-name.ts'

/** 2: the run event has a format. */
export const MARKER_FORMAT = 2
/** A run makes some hundred entries, of less than a hundred bytes each. */
export const MAX_MARKER_BYTES = 8 * 2 ** 20
const RUN_ID = /^[0-9a-f]{32}$/
const VARIANTS = new Set(scenarios.flatMap(({ variants }) => variants.flatMap(({ name }) => name ?? [])))

export type MadeKind = 'file' | 'folder'

export interface MadeList {
  readonly runId: string
  /** By name from the folder on, with forward slashes. */
  readonly made: Map<string, MadeKind>
}

/**
 * Whether a run makes an entry of that name. A list may come from anywhere: it must not have anything else of a folder removed.
 */
export function isRunName(name: string): boolean {
  if (!isInnerName(name)) return false
  const [place = ''] = name.split('/', 1)
  if (!VARIANTS.has(place)) return isRecord(name) || isInPlace(name)
  return name === place || isInPlace(name.slice(place.length + 1))
}

export const markerLine = (runId: string): string =>
  `${JSON.stringify({ format: MARKER_FORMAT, run: runId })}\n`
export const madeLine = (kind: MadeKind, name: string): string =>
  `${printableJson(JSON.stringify({ [kind]: name }))}\n`
export const goneLine = (name: string): string => `${printableJson(JSON.stringify({ gone: name }))}\n`

/**
 * What follows the last whole line is what a kill left, and means nothing; null where not even the marker is whole. Throws KeptRunError.
 */
export function parseMadeList(text: string, file: string): MadeList | null {
  const [first, ...rest] = text.split('\n').slice(0, -1)
  if (first === undefined) {
    if (isCutOffMarker(text)) return null
    throw new KeptRunError('RUN_FOLDER_CORRUPT', `${file} line 1 is not the marker of a run`)
  }
  const marker = Facts.parse(first, `${file} line 1`)
  marker.expectFormat(MARKER_FORMAT)
  const runId = marker.string('run')
  if (!RUN_ID.test(runId)) throw marker.wrong('run', runId, '32 hexadecimal digits')
  const made = new Map<string, MadeKind>()
  for (const [index, line] of rest.entries()) {
    const entry = Facts.parse(line, `${file} line ${index + 2}`)
    const kind = (['file', 'folder', 'gone'] as const).find((field) => entry.optionalString(field) !== null)
    if (kind === undefined) throw entry.wrong('file', undefined, 'a name under file, folder or gone')
    const name = entry.string(kind)
    if (!isRunName(name)) throw entry.wrong(kind, name, 'the name of something that a run makes')
    if (kind === 'gone') made.delete(name)
    else made.set(name, kind)
  }
  return { runId, made }
}

/** What a kill may leave of the first line. */
function isCutOffMarker(text: string): boolean {
  const start = markerLine('').slice(0, -'"}\n'.length)
  if (text.length <= start.length) return start.startsWith(text)
  return text.startsWith(start) && /^[0-9a-f]*("\}?)?$/.test(text.slice(start.length))
}

// A symbol store behind HTTP (Microsoft's "HTTP symbol stores"): the same names as in a folder. Each answer is a temporary
// of a store until it is checked, so that nothing a server says reaches a store unchecked.
import { readFileSync, rmSync, statSync } from 'node:fs'
import { SymbolsError } from '../errors.ts'
import {
  compressedName,
  MAX_POINTER_BYTES,
  POINTER_NAME,
  parsePointer,
  type StoreLayout,
  storeFolder,
  TWO_TIER_MARK,
} from '../store/store-key.ts'
import { parseWindowsPath } from '../store/windows-path.ts'
import { acceptPointer } from './folder-store.ts'
import type { Search } from './search.ts'

/** The path to use the file by; or what the server has instead of it. */
type Fetched = { readonly path: string } | 'absent' | 'refused'

export async function searchServer(
  search: Search,
  url: string,
  keepers: readonly string[],
): Promise<string | null> {
  const { name, key } = search.request
  const { serverLayouts } = search.session
  try {
    const known = serverLayouts.get(url)
    let fetched = await searchLayout(search, url, known ?? 'single-tier', keepers)
    if (fetched === 'absent' && known === undefined) {
      const isTwoTier = await hasTwoTiers(search, url, keepers)
      serverLayouts.set(url, isTwoTier ? 'two-tier' : 'single-tier')
      if (isTwoTier) fetched = await searchLayout(search, url, 'two-tier', keepers)
    }
    if (fetched === 'absent') return search.note(url, 'absent', `the server has no ${name} of ${key}`)
    return fetched === 'refused' ? null : fetched.path
  } catch (error) {
    if (!(error instanceof SymbolsError)) throw error
    return search.note(url, 'unreachable', error.message)
  }
}

async function searchLayout(
  search: Search,
  url: string,
  layout: StoreLayout,
  keepers: readonly string[],
): Promise<Fetched> {
  const { name, key } = search.request
  // Servers that are no Windows machines tell cases apart: the age and size of a key are met in both.
  for (const writtenKey of new Set([key, key.toUpperCase()])) {
    const folder = storeFolder(layout, name, writtenKey)
    for (const fileName of [name, compressedName(name), POINTER_NAME]) {
      const address = [url, ...[...folder, fileName].map(encoded)].join('/')
      const fetched = await fetchFile(search, address, fileName === POINTER_NAME, keepers)
      // A server that answers with the wrong thing is not asked for it under another name: some answer everything.
      if (fetched !== 'absent') return fetched
    }
  }
  return 'absent'
}

/** Half a pair of surrogates, as a broken name may have, cannot be part of an address. */
const encoded = (part: string): string => encodeURIComponent(part.replace(/\p{Surrogate}/gu, '\ufffd'))

async function fetchFile(
  search: Search,
  address: string,
  isPointer: boolean,
  keepers: readonly string[],
): Promise<Fetched> {
  const refusal = search.session.refused.get(address)
  if (refusal !== undefined) {
    search.attempts.push(refusal)
    return 'refused'
  }
  const temporary = search.temporary(keepers)
  if (temporary === null) return 'refused'
  const { root, file } = temporary
  try {
    if (!(await search.session.http.download(address, file, search.signal))) return 'absent'
    const path = isPointer
      ? await acceptServerPointer(search, file, address, keepers)
      : await search.acceptDownload(file, root, address, keepers)
    if (path !== null) return { path }
    const last = search.attempts.at(-1)
    // What the server sends will not be better next time; a store that cannot be written is not its fault.
    if (last?.outcome === 'unreadable' || last?.outcome === 'wrong-identity')
      search.session.refused.set(address, last)
    return 'refused'
  } finally {
    rmSync(file, { force: true })
  }
}

/** A server's pointer is to a share of its network: it is not to say which of this host's files are opened. */
async function acceptServerPointer(
  search: Search,
  file: string,
  address: string,
  keepers: readonly string[],
): Promise<string | null> {
  const content = readText(file)
  if (content === null) return search.note(address, 'unreadable', 'it is no pointer to a file')
  const target = parsePointer(content)
  if (target.kind === 'path' && parseWindowsPath(target.path) === null) {
    return search.note(address, 'unusable', `it points to ${target.path}, which is no Windows path`)
  }
  return acceptPointer(search, content, address, keepers)
}

async function hasTwoTiers(search: Search, url: string, keepers: readonly string[]): Promise<boolean> {
  const temporary = search.temporary(keepers)
  if (temporary === null) return false
  try {
    const isThere = await search.session.http.download(
      `${url}/${TWO_TIER_MARK}`,
      temporary.file,
      search.signal,
    )
    return isThere && readText(temporary.file) !== null
  } finally {
    rmSync(temporary.file, { force: true })
  }
}

/** null for a page, or what is too large for a mark or a pointer: servers that answer everything. */
function readText(file: string): string | null {
  if (statSync(file).size > MAX_POINTER_BYTES) return null
  const text = readFileSync(file, 'latin1')
  return text.trimStart().startsWith('<') ? null : text
}

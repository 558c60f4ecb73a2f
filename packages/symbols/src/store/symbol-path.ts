// The symbol path of Windows debuggers: folders, chains of symbol stores and caches (Microsoft's "Symbol path for Windows
// debuggers" and "Advanced SymSrv Use"). A part that makes no sense is kept with the reason, so that it can be shown.

export type SymbolStore =
  /** A folder of the host or of Windows. */
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'http'; readonly url: string }
  /** The default downstream store: what an empty place in a chain stands for. */
  | { readonly kind: 'default' }

export type SymbolPathElement =
  | { readonly kind: 'folder'; readonly text: string; readonly path: string }
  /** Keeps what the elements to its right find. */
  | { readonly kind: 'cache'; readonly text: string; readonly store: SymbolStore }
  /** Searched from left to right; what is found is copied into the stores to the left. Never empty. */
  | { readonly kind: 'chain'; readonly text: string; readonly stores: readonly SymbolStore[] }
  | { readonly kind: 'unusable'; readonly text: string; readonly reason: string }

/** What `srv*` means when it names no store. */
export const MICROSOFT_SYMBOL_SERVER = 'https://msdl.microsoft.com/download/symbols'
const SYMSRV = 'symsrv.dll'
/** As SymSrv documents. */
const MAX_STORES = 10

export function parseSymbolPath(path: string): SymbolPathElement[] {
  return path
    .split(';')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(parseElement)
}

function parseElement(text: string): SymbolPathElement {
  if (hasControlCharacter(text)) return unusable(text, 'it contains a control character')
  const [keyword, ...tokens] = text.split('*').map((token) => token.trim())
  switch (keyword!.toLowerCase()) {
    case 'srv':
      return parseChain(text, tokens)
    case 'symsrv':
      return tokens[0]?.toLowerCase() === SYMSRV
        ? parseChain(text, tokens.slice(1))
        : unusable(text, `its server is ${tokens[0] || 'not named'}, only ${SYMSRV} is known`)
    case 'cache':
      return parseCache(text, tokens)
  }
  if (tokens.length > 0) return unusable(text, `${keyword}* is none of srv*, symsrv* and cache*`)
  // A bare address is taken for a server, as current debuggers take it. unverified: their documents do not say so.
  const store = parseStore(text)
  return store.kind === 'http'
    ? { kind: 'chain', text, stores: [store] }
    : { kind: 'folder', text, path: text }
}

function parseCache(text: string, tokens: readonly string[]): SymbolPathElement {
  const named = tokens.filter((token) => token !== '')
  if (named.length > 1) return unusable(text, `a cache has one folder, this has ${named.length}`)
  const store = parseStore(named[0] ?? '')
  return store.kind === 'http'
    ? unusable(text, 'a cache is a folder, not a server')
    : { kind: 'cache', text, store }
}

function parseChain(text: string, tokens: readonly string[]): SymbolPathElement {
  const last = tokens.findLastIndex((token) => token !== '')
  if (last < 0) {
    return {
      kind: 'chain',
      text,
      stores: [{ kind: 'default' }, { kind: 'http', url: MICROSOFT_SYMBOL_SERVER }],
    }
  }
  const stores = tokens.slice(0, last + 1).map(parseStore)
  if (stores.length > MAX_STORES) {
    return unusable(text, `a chain has at most ${MAX_STORES} stores, this has ${stores.length}`)
  }
  if (stores.slice(0, -1).some(({ kind }) => kind === 'http')) {
    return unusable(text, 'a server can only be the last store of a chain')
  }
  return { kind: 'chain', text, stores }
}

function parseStore(token: string): SymbolStore {
  if (token === '') return { kind: 'default' }
  if (/^https?:/i.test(token)) return { kind: 'http', url: token.replace(/\/+$/, '') }
  return { kind: 'folder', path: token }
}

const unusable = (text: string, reason: string): SymbolPathElement => ({ kind: 'unusable', text, reason })

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20) return true
  return false
}

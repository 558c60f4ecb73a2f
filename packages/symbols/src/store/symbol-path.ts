// The symbol path of Windows debuggers: folders, chains of symbol stores and caches (Microsoft's "Symbol path for Windows
// debuggers" and "Advanced SymSrv Use"). A part that makes no sense is kept with the reason, so that it can be shown; where
// a slip of the pen is known from the field, the reason says what was probably meant.

export type SymbolStore =
  /** A folder of the host or of Windows; `hint` says what it may be instead, should there be no such folder. */
  | { readonly kind: 'folder'; readonly path: string; readonly hint?: string }
  | { readonly kind: 'http'; readonly url: string }
  /** The default downstream store: what an empty place in a chain stands for. */
  | { readonly kind: 'default' }
  /** The other stores of its chain are searched. */
  | { readonly kind: 'unusable'; readonly text: string; readonly reason: string }

export type SymbolPathElement =
  | { readonly kind: 'folder'; readonly text: string; readonly path: string; readonly hint?: string }
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
const KEYWORDS = ['symsrv', 'srv', 'cache'] as const

export function parseSymbolPath(path: string): SymbolPathElement[] {
  return unquoted(path)
    .split(';')
    .map(unquoted)
    .filter((text) => text !== '')
    .map(parseElement)
}

/** Without blanks and quotes around it: a shell's habit, which no path needs and no debugger minds. */
function unquoted(text: string): string {
  const trimmed = text.trim()
  const quoted = /^(["'])([^"']*)\1$/.exec(trimmed)
  return quoted === null ? trimmed : quoted[2]!.trim()
}

function parseElement(text: string): SymbolPathElement {
  if (hasControlCharacter(text)) return unusable(text, 'it contains a control character')
  const [keyword, ...tokens] = text.split('*').map(unquoted)
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
  if (tokens.length > 0) {
    const meant = KEYWORDS.find((known) => keyword!.toLowerCase().startsWith(known))
    const hint = meant === undefined ? '' : `: is ${meant}*${keyword!.slice(meant.length).trim()} meant?`
    return unusable(text, `${keyword}* is none of srv*, symsrv* and cache*${hint}`)
  }
  // A bare address is taken for a server, as current debuggers take it. unverified: their documents do not say so.
  const store = parseStore(text)
  switch (store.kind) {
    case 'http':
      return { kind: 'chain', text, stores: [store] }
    case 'folder':
      return { ...store, text }
    default:
      return unusable(text, store.kind === 'unusable' ? store.reason : 'it is empty')
  }
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
  if (/^https?:\/\/[^/\\]/i.test(token)) return { kind: 'http', url: token.replace(/\/+$/, '') }
  const reason = slipOf(token)
  if (reason !== null) return { kind: 'unusable', text: token, reason }
  const hint = hintFor(token)
  return { kind: 'folder', path: token, ...(hint !== null && { hint }) }
}

/** Why a text can be neither an address nor a folder; null where it can. */
function slipOf(token: string): string | null {
  // `SRV*c:\cache*=https://...` was printed in a well-known article.
  const address = /https?:\/\/[^/\\].*$/i.exec(token)?.[0]
  if (address !== undefined) {
    const before = token.slice(0, -address.length).trim()
    return /^\W+$/.test(before)
      ? `${JSON.stringify(before)} stands before an address: is ${address} meant?`
      : `an address begins in the middle of it: is ${before}*${address} meant?`
  }
  const scheme = /^([a-z][a-z0-9+.-]+):(?:\/|\\\\)[/\\]*/i.exec(token) // one letter is a drive
  if (scheme !== null) {
    const [start, name] = scheme
    return /^[htps]{2,7}$/i.test(name!)
      ? `it is no address: is ${/s$/i.test(name!) ? 'https' : 'http'}://${token.slice(start.length)} meant?`
      : `its scheme is ${name}, only http and https are known`
  }
  const bare = /^(https?)[:/\\]+/i.exec(token)
  return bare === null ? null : `it is no address: is ${bare[1]}://${token.slice(bare[0].length)} meant?`
}

/** A folder may have such a name; where it is not there, this is more likely. */
function hintFor(token: string): string | null {
  const meant = KEYWORDS.find((known) => new RegExp(`^${known}[ =:,]*(?=[a-z]:|\\\\\\\\|/)`, 'i').test(token))
  if (meant !== undefined) {
    const rest = token.slice(meant.length).replace(/^[ =:,]+/, '')
    return `is ${meant}*${rest} meant?`
  }
  // `msdl.microsoft.com/download/symbols`
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)+\/\S*$/i.test(token) ? `is https://${token} meant?` : null
}

const unusable = (text: string, reason: string): SymbolPathElement => ({ kind: 'unusable', text, reason })

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20) return true
  return false
}

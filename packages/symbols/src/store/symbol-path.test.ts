// Examples from Microsoft's "Symbol path for Windows debuggers" and "Advanced SymSrv Use", and the grammar turned around.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MICROSOFT_SYMBOL_SERVER, parseSymbolPath, type SymbolStore } from './symbol-path.ts'

const folder = (path: string): SymbolStore => ({ kind: 'folder', path })
const http = (url: string): SymbolStore => ({ kind: 'http', url })
const standard: SymbolStore = { kind: 'default' }

describe('a symbol path', () => {
  it.each<[string, SymbolStore[]]>([
    [
      String.raw`srv*C:\MyCache*https://msdl.microsoft.com/download/symbols`,
      [folder(String.raw`C:\MyCache`), http(MICROSOFT_SYMBOL_SERVER)],
    ],
    [
      String.raw`SRV*C:\Symbols*\\server\share\sym*http://127.0.0.1:1/symbols/`,
      [
        folder(String.raw`C:\Symbols`),
        folder(String.raw`\\server\share\sym`),
        http('http://127.0.0.1:1/symbols'),
      ],
    ],
    [String.raw`symsrv*symsrv.dll*C:\a*C:\b`, [folder(String.raw`C:\a`), folder(String.raw`C:\b`)]],
    ['srv**https://example.test/s', [standard, http('https://example.test/s')]],
    ['srv*', [standard, http(MICROSOFT_SYMBOL_SERVER)]],
    ['SRV', [standard, http(MICROSOFT_SYMBOL_SERVER)]],
    ['https://example.test/s', [http('https://example.test/s')]],
  ])('reads %s as a chain', (text, stores) => {
    expect(parseSymbolPath(text)).toEqual([{ kind: 'chain', text, stores }])
  })

  it('reads folders, caches and chains in their order', () => {
    expect(parseSymbolPath(String.raw` C:\App ; cache*C:\c;cache*;; SRV*D:\s `)).toEqual([
      { kind: 'folder', text: String.raw`C:\App`, path: String.raw`C:\App` },
      { kind: 'cache', text: String.raw`cache*C:\c`, store: folder(String.raw`C:\c`) },
      { kind: 'cache', text: 'cache*', store: standard },
      { kind: 'chain', text: String.raw`SRV*D:\s`, stores: [folder(String.raw`D:\s`)] },
    ])
  })

  it.each([
    ['srv*http://a/x*C:\\s', 'a server can only be the last store of a chain'],
    ['symsrv*other.dll*C:\\s', 'its server is other.dll, only symsrv.dll is known'],
    ['symsrv', 'its server is not named'],
    ['cache*a*b', 'a cache has one folder'],
    ['cache*http://a/', 'a cache is a folder'],
    ['sym*C:\\s', 'sym* is none of srv*, symsrv* and cache*'],
    [`srv*${Array.from({ length: 11 }, (_, i) => `C:\\${i}`).join('*')}`, 'at most 10 stores, this has 11'],
    ['C:\\a\0b', 'control character'],
  ])('keeps %s with the reason why it cannot be used', (text, reason) => {
    expect(parseSymbolPath(text)).toMatchObject([
      { kind: 'unusable', reason: expect.stringContaining(reason) },
    ])
  })

  it.each([
    ['"C:\\My Symbols"', [{ kind: 'folder', path: 'C:\\My Symbols' }]],
    ["'/home/me/my symbols'", [{ kind: 'folder', path: '/home/me/my symbols' }]],
    ['"C:\\a;D:\\b"', [{ path: 'C:\\a' }, { path: 'D:\\b' }]],
    ['srv*"C:\\My Symbols"*https://a/s', [{ stores: [folder('C:\\My Symbols'), http('https://a/s')] }]],
    ['"srv*C:\\s*https://a/s"', [{ stores: [folder('C:\\s'), http('https://a/s')] }]],
    ['cache*"C:\\c"', [{ kind: 'cache', store: folder('C:\\c') }]],
  ])('drops the quotes of %s', (text, elements) => {
    expect(parseSymbolPath(text)).toMatchObject(elements)
  })

  const A = 'https://a.test/s'
  it.each([
    [`SRV*c:\\c*=${A}`, `"=" stands before an address: is ${A} meant?`],
    [`SRV*c:\\c*(${A}`, `"(" stands before an address: is ${A} meant?`],
    [`SRV*c:\\c ${A}`, `an address begins in the middle of it: is c:\\c*${A} meant?`],
    [`SRV*c:\\c${A}`, `is c:\\c*${A} meant?`],
    ['SRV*c:\\c*htps://a.test/s', `it is no address: is ${A} meant?`],
    ['SRV*c:\\c*htttps://a.test/s', `is ${A} meant?`],
    ['SRV*c:\\c*https:/a.test/s', `is ${A} meant?`],
    ['SRV*c:\\c*https//a.test/s', `is ${A} meant?`],
    ['SRV*c:\\c*https:\\\\a.test/s', `is ${A} meant?`],
    ['SRV*c:\\c*hppt://a.test/s', 'is http://a.test/s meant?'],
    ['SRV*c:\\c*ftp://a.test/s', 'its scheme is ftp, only http and https are known'],
  ])('keeps the folder of %s, and says what may be meant', (text, reason) => {
    const [element] = parseSymbolPath(text)
    if (element?.kind !== 'chain') throw new Error('it is a chain')
    expect(element.stores.at(-1)).toMatchObject({ kind: 'unusable', reason: expect.stringContaining(reason) })
    if (element.stores.length > 1) expect(element.stores[0]).toEqual(folder('c:\\c'))
  })

  it.each([
    ['SRVc:\\c*https://a/s', 'is srv*c:\\c meant?'],
    ['SRV c:\\c*https://a/s', 'is srv*c:\\c meant?'],
    ['cachec:\\c*x', 'is cache*c:\\c meant?'],
    ['=https://a/s', 'is https://a/s meant?'],
    ['htps://a/s', 'is https://a/s meant?'],
    ['C:\\c https://a/s', 'is C:\\c*https://a/s meant?'],
  ])('says of the part %s what may be meant', (text, reason) => {
    expect(parseSymbolPath(text)).toMatchObject([
      { kind: 'unusable', reason: expect.stringContaining(reason) },
    ])
  })

  it.each([
    ['srv:c:\\c', 'is srv*c:\\c meant?'],
    ['SRV\\\\server\\share', 'is srv*\\\\server\\share meant?'],
    ['msdl.microsoft.com/download/symbols', 'is https://msdl.microsoft.com/download/symbols meant?'],
  ])('takes %s for a folder, with what may be meant should there be none', (text, hint) => {
    expect(parseSymbolPath(text)).toMatchObject([{ kind: 'folder', path: text, hint }])
  })

  it.each([
    'C:\\srv\\symbols',
    '/srv/symbols',
    './a.b/c',
    'symbols',
    'httpd/symbols',
    '\\\\http.x\\s',
    'C:/https/x',
  ])('takes %s for a folder and nothing else', (text) => {
    expect(parseSymbolPath(text)).toEqual([{ kind: 'folder', text, path: text }])
  })

  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9 ._-]{0,8}[a-z0-9]$/)
  const aFolder = fc.oneof(
    fc.tuple(fc.constantFrom('C', 'd'), name).map(([drive, rest]) => `${drive}:\\${rest}`),
    name.map((rest) => `/${rest}`),
    fc.tuple(name, name).map(([server, share]) => `\\\\${server}\\${share}`),
  )
  const server = fc.webUrl({ validSchemes: ['http', 'https'] }).filter((url) => !/[;*]/.test(url))
  const srv = fc.constantFrom('srv', 'SRV', 'Srv', 'symsrv*SymSrv.dll')

  it('gives back what it was made of, any depth and mixture', () => {
    const chain = fc
      .tuple(srv, fc.array(fc.oneof(aFolder, fc.constant('')), { maxLength: 8 }), fc.oneof(aFolder, server))
      .map(([keyword, downstream, last]) => ({
        text: [keyword, ...downstream, last].join('*'),
        stores: [
          ...downstream.map((path) => (path === '' ? standard : folder(path))),
          last.startsWith('http') ? http(last.replace(/\/+$/, '')) : folder(last),
        ],
      }))
    fc.assert(
      fc.property(fc.array(chain, { minLength: 1, maxLength: 4 }), (chains) => {
        expect(parseSymbolPath(chains.map(({ text }) => text).join(';'))).toEqual(
          chains.map((each) => ({ kind: 'chain', ...each })),
        )
      }),
    )
  })

  it('accounts for every part of any text and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'srvcache*;:\\/. http\0') }), (text) => {
        const parts = text.split(';').map((part) => part.trim())
        expect(parseSymbolPath(text).map((element) => element.text)).toEqual(
          parts.filter((part) => part !== ''),
        )
      }),
    )
  })
})

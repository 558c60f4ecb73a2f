// The lines of downloads, from events as the symbols room tells them.
import { expect, it } from 'vitest'
import { downloadLines, watchedSource } from './kd-downloads.ts'

const address = 'http://127.0.0.1:9/sym/a%20b.pdb/K/a%20b.pd_'

function linesOf(...events: Parameters<ReturnType<typeof downloadLines>>[0][]): string[] {
  const lines: string[] = []
  const onEvent = downloadLines({
    tell: (text) => void lines.push(text),
    progress: { show: (text) => void lines.push(`~${text}`), clear: () => void lines.push('~') },
  })
  for (const event of events) onEvent(event)
  return lines
}
const download = (
  byteLength: number,
  state: 'running' | 'complete' | 'failed',
  expectedBytes: number | null = null,
) => ({ kind: 'download', address, byteLength, expectedBytes, state }) as const

it('says each download once, with its bytes, and counts on a terminal in steps', () => {
  expect(
    linesOf(
      download(0, 'running', 1_000_000),
      download(1000, 'running', 1_000_000),
      download(300_000, 'running', 1_000_000),
      download(1_000_000, 'complete', 1_000_000),
    ),
  ).toEqual([
    '~a b.pd_ from 127.0.0.1:9: 0 of 1,000,000 bytes',
    '~a b.pd_ from 127.0.0.1:9: 300,000 of 1,000,000 bytes',
    '~',
    'a b.pd_ from 127.0.0.1:9: 1,000,000 bytes',
  ])
})

it('says that a download was given up, and which server is left alone', () => {
  const silent = { kind: 'silent', host: '127.0.0.1:9', reason: 'no answer within 20000 ms' } as const
  expect(linesOf(download(0, 'running'), download(17, 'failed'), silent)).toEqual([
    '~a b.pd_ from 127.0.0.1:9: 0 bytes',
    '~',
    'a b.pd_ from 127.0.0.1:9: 17 bytes, given up',
    '127.0.0.1:9 is not asked again in this session: no answer within 20000 ms',
  ])
})

it('shows what is looked for until the answer, also where it is given up', async () => {
  const shown: string[] = []
  const progress = { show: (text: string) => void shown.push(text), clear: () => void shown.push('') }
  const source = {
    symbolPath: 'srv*a',
    setSymbolPath: () => undefined,
    symbols: () => Promise.reject(new Error('interrupted')),
    image: async () => null,
  }
  const watched = watchedSource(source, progress)
  const request = { imageName: 'nt.exe', timeDateStamp: 1, sizeOfImage: 2, pdb: null }
  const { signal } = new AbortController()
  expect(await watched.image(request, signal)).toBeNull()
  await expect(watched.symbols(request, signal)).rejects.toThrow('interrupted')
  expect(shown).toEqual([
    'looking for nt.exe; Ctrl-C gives up',
    '',
    'looking for symbols of nt.exe; Ctrl-C gives up',
    '',
  ])
})

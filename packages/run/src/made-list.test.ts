import { DumpstackError } from '@dumpstack/bytes'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isInnerName } from './inner-name.ts'
import { goneLine, isRunName, type MadeKind, madeLine, markerLine, parseMadeList } from './made-list.ts'

const ID = '0123456789abcdef0123456789abcdef'
const NAMES = ['journal.jsonl', 'full', 'full/truth.bin', 'C/Windows/MEMORY.DMP', 'before-header/C/a"b\n.txt']

it('gives back what was made and is not gone, whatever a kill cut off after it', () => {
  const step = fc.record({
    name: fc.constantFrom(...NAMES),
    what: fc.constantFrom<MadeKind | 'gone'>('file', 'folder', 'gone'),
  })
  fc.assert(
    fc.property(fc.array(step), fc.nat(), (steps, cut) => {
      const expected = new Map<string, MadeKind>()
      const lines = [markerLine(ID)]
      for (const { name, what } of steps) {
        lines.push(what === 'gone' ? goneLine(name) : madeLine(what, name))
        if (what === 'gone') expected.delete(name)
        else expected.set(name, what)
      }
      const last = madeLine('file', 'crashdumptest.log')
      const text = lines.join('') + last.slice(0, cut % last.length)
      expect(parseMadeList(text, 'list')).toEqual({ runId: ID, made: expected })
    }),
  )
})

it('takes a marker that was cut off for none, and anything else for no marker', () => {
  const marker = markerLine(ID)
  for (let length = 0; length < marker.length; length++)
    expect(parseMadeList(marker.slice(0, length), 'list'), marker.slice(0, length)).toBe(null)
  expect(() => parseMadeList('my notes', 'list')).toThrow('list line 1 is not the marker of a run')
  expect(() => parseMadeList('my notes\n', 'list')).toThrow('list line 1 is not JSON')
})

it('names the version of another format', () => {
  expect(() => parseMadeList(`{"format":7,"run":"${ID}"}\n`, 'list')).toThrow(
    'list line 1: format is 7, expected 2: the run is of another version',
  )
})

it.each([
  '../outside',
  '/etc/passwd',
  'full/../../outside',
  'C/..',
  'full//truth.bin',
  'C\\..\\..\\outside',
  'C/a:stream',
  'C/nul\0',
  'notes.txt',
  'src/main.c',
  '.git/config',
  'dumpstack-run.jsonl',
  'full/deep/er',
  'toString',
  `C/${'a'.repeat(1100)}`,
  '',
])('refuses a list that names %j, which no run makes', (name) => {
  expect(isRunName(name)).toBe(false)
  for (const line of [madeLine('file', name), madeLine('folder', name), goneLine(name)])
    expect(() => parseMadeList(markerLine(ID) + line, 'list')).toThrow(DumpstackError)
})

it('raises only our errors for any text', () => {
  const valid = markerLine(ID) + NAMES.map((name) => madeLine('file', name)).join('')
  const damaged = fc
    .tuple(fc.nat(valid.length), fc.nat(20), fc.string({ unit: 'binary', maxLength: 20 }))
    .map(([at, length, by]) => valid.slice(0, at) + by + valid.slice(at + length))
  fc.assert(
    fc.property(fc.oneof(damaged, fc.string({ unit: 'binary' })), (text) => {
      try {
        for (const name of parseMadeList(text, 'list')?.made.keys() ?? [])
          expect(isInnerName(name)).toBe(true)
      } catch (error) {
        expect(error, String(error)).toBeInstanceOf(DumpstackError)
      }
    }),
    { numRuns: 2000 },
  )
})

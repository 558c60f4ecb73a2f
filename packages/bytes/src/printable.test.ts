import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable, printableJson, printableLines } from './printable.ts'

describe('printable', () => {
  it.each([
    ['an escape sequence', 'evil\x1b[2J.sys', String.raw`evil\u001b[2J.sys`],
    ['a line feed and a carriage return', 'a\r\nVerdict: pass', String.raw`a\u000d\u000aVerdict: pass`],
    ['tab, zero and DEL', '\t\0\x7f', String.raw`\u0009\u0000\u007f`],
    ['CSI of C1', 'x\x9b31m', String.raw`x\u009b31m`],
    ['a right-to-left override', 'cod\u202egpj.sys', String.raw`cod\u202egpj.sys`],
    ['isolates and marks', '\u2066\u2069\u200e\u200f\u061c', String.raw`\u2066\u2069\u200e\u200f\u061c`],
    ['zero width and a byte order mark', 'nt\u200bfs\ufeff', String.raw`nt\u200bfs\ufeff`],
    ['line and paragraph separators', 'a\u2028b\u2029c', String.raw`a\u2028b\u2029c`],
    ['half of a surrogate pair', 'a\ud800b', String.raw`a\ud800b`],
    ['a tag of the supplementary planes', 'a\u{e0041}', String.raw`a\udb40\udc41`],
    ['a noncharacter', 'a\uffff\u{1fffe}', String.raw`a\uffff\ud83f\udffe`],
    ['a filler without a glyph', 'a\u3164', String.raw`a\u3164`],
  ])('shows %s as JSON would', (_, text, shown) => {
    expect(printable(text)).toBe(shown)
  })

  it.each([
    'ntoskrnl.exe',
    'C:\\Windows\\System32',
    '驱动程序.sys',
    'Gerätetreiber.sys',
    'א.sys',
    '💾.sys',
    '',
  ])('leaves %s as it is', (text) => {
    expect(printable(text)).toBe(text)
  })

  it('keeps the line feeds that are ours, and no other', () => {
    expect(printableLines('a\x1b\nb\r\n')).toBe('a\\u001b\nb\\u000d\n')
  })
})

/** Every code point, halves of surrogate pairs too; fast-check's own units of text take seconds to set up. */
const anyText = fc
  .array(fc.oneof(fc.nat(0x10ffff), fc.nat(0xff), fc.integer({ min: 0xd800, max: 0xdfff })))
  .map((points) => String.fromCodePoint(...points))

const OBEYED = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

it('lets nothing through that a terminal obeys, and changes nothing twice', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const shown = printable(text)
      expect(shown).not.toMatch(OBEYED)
      expect(printable(shown)).toBe(shown)
    }),
  )
})

it('keeps the values of JSON, and shows none of their controls', () => {
  fc.assert(
    fc.property(fc.array(anyText), fc.constantFrom(undefined, 2), (values, indent) => {
      const json = JSON.stringify({ values, name: 'a\x9b\u202e\u2028\ud800\n' }, null, indent)
      const shown = printableJson(json)
      expect(JSON.parse(shown)).toEqual(JSON.parse(json))
      expect(shown.replaceAll('\n', '')).not.toMatch(OBEYED)
    }),
  )
})

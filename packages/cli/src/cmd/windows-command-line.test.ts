// Words of Windows command lines, by the rules and rows of Microsoft's page "Parsing C command-line arguments".
import { expect, it } from 'vitest'
import { wordsOf } from './windows-command-line.ts'

it.each([
  [
    String.raw`c:\Debuggers\kd -z c:\Windows\MEMORY.DMP -y SRV*C:\Symbols*http://127.0.0.1:80/x`,
    [
      String.raw`c:\Debuggers\kd`,
      '-z',
      String.raw`c:\Windows\MEMORY.DMP`,
      '-y',
      String.raw`SRV*C:\Symbols*http://127.0.0.1:80/x`,
    ],
  ],
  ['"a b c" d e', ['a b c', 'd', 'e']],
  [String.raw`"ab\"c" "\\" d`, ['ab"c', '\\', 'd']],
  [String.raw`a\\\b d"e f"g h`, [String.raw`a\\\b`, 'de fg', 'h']],
  [String.raw`a\\\"b c d`, [String.raw`a\"b`, 'c', 'd']],
  [String.raw`a\\\\"b c" d e`, [String.raw`a\\b c`, 'd', 'e']],
  ['  kd   -c "" ', ['kd', '-c', '']],
  ['', []],
])('%s', (line, words) => {
  expect(wordsOf(line)).toEqual(words)
})

it('refuses a quote that stays open', () => {
  expect(() => wordsOf('kd -c "k; q')).toThrow(/^a quote is open at the end of /)
})

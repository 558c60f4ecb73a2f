// A command line of Windows in its words, as its C runtime parts them: blanks part words, quotes hold them together,
// backslashes are themselves but for those before a quote.
import { UsageError } from '../program/usage-error.ts'

export function wordsOf(line: string): string[] {
  const words: string[] = []
  let word: string | null = null
  let isQuoted = false
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!
    if (character === '\\') {
      const slashes = /^\\+/.exec(line.slice(at))![0]
      const isBeforeQuote = line[at + slashes.length] === '"'
      word = (word ?? '') + (isBeforeQuote ? '\\'.repeat(slashes.length / 2) : slashes)
      at += slashes.length - 1
      if (isBeforeQuote && slashes.length % 2 === 1) {
        word += '"'
        at++
      }
    } else if (character === '"') {
      word ??= ''
      isQuoted = !isQuoted
    } else if (!isQuoted && /\s/.test(character)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + character
  }
  if (isQuoted) throw new UsageError(`a quote is open at the end of '${line}'`)
  if (word !== null) words.push(word)
  return words
}

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { wildcard } from './arguments.ts'

it.each([
  ['*', 'anything', true],
  ['Ke*Ex', 'KeBugCheckEx', true],
  ['ke*', 'KeBugCheck', true],
  ['Ke?ug*', 'KeBugCheck', true],
  ['Ke', 'KeBugCheck', false],
  ['*Check', 'KeBugCheckEx', false],
  ['*a*b*', 'xxaxxbxx', true],
  ['', '', true],
  ['?', '', false],
])('%j and %j: %s', (pattern, text, expected) => {
  expect(wildcard(pattern)(text)).toBe(expected)
})

it('says what a regular expression of the same meaning says', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ab*?]{0,8}$/), fc.stringMatching(/^[ab]{0,8}$/), (pattern, text) => {
      const same = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`)
      expect(wildcard(pattern)(text)).toBe(same.test(text))
    }),
  )
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalByLoop, equalBytes } from './equal-bytes.ts'

describe.each([
  ['the engine', equalBytes],
  ['the loop', equalByLoop],
])('%s', (_, equal) => {
  it('finds the same bytes equal, wherever they lie, and sees one that differs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, place) => {
        for (const copy of [bytes.slice(), new Uint8Array([7, ...bytes, 7]).subarray(1, -1)]) {
          expect(equal(bytes, copy)).toBe(true)
          copy[place % copy.length]! ^= 1
          expect(equal(bytes, copy)).toBe(false)
        }
      }),
    )
  })

  it('finds runs of other lengths different, and two empty ones equal', () => {
    expect(equal(new Uint8Array(2), new Uint8Array(3))).toBe(false)
    expect(equal(new Uint8Array(0), new Uint8Array(0))).toBe(true)
  })
})

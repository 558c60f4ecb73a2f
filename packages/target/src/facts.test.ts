import { describe, expect, it } from 'vitest'
import { Facts } from './facts.ts'

const nested = (depth: number): string => `{"x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`

describe('JSON that a stranger has nested', () => {
  it('is read to 64 levels, and can be written again', () => {
    const facts = Facts.parse(`{"x":${nested(63)}}`, 'file')
    expect(JSON.stringify(facts.record('x'))).toBe(nested(63))
  })

  it.each([65, 200_000])('is refused by name at %i', (depth) => {
    expect(() => Facts.parse(nested(depth), 'file')).toThrow(
      'file is nested deeper than 64 levels, expected at most that many',
    )
  })
})

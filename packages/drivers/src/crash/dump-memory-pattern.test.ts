import { expect, it } from 'vitest'
import { patternHint } from './dump-memory-pattern.ts'

it.each([0xa5a5a5a5a5a5a5a5n, 0xa5a5a5a5a5a5a5a7n, 0xa5a5a5a5a5a63120n])(
  'explains a fault at 0x%s',
  (address) => {
    expect(patternHint(address)).toMatch(
      /^; 0xa5 is what memory holds in dump mode that the driver has not written/,
    )
  },
)

it.each([0n, 0xa5a5n, 0xffffa5a5a5a50000n, 0xfffff80b04472618n])('says nothing of %s', (address) => {
  expect(patternHint(address)).toBe('')
})

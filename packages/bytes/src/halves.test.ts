import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fromHalves, getHalves, highHalf, lowHalf, setHalves } from './halves.ts'

const numbers = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

it('splits any number of 53 bits, and joins it again', () => {
  fc.assert(
    fc.property(numbers, (value) => {
      expect(BigInt(lowHalf(value))).toBe(BigInt(value) & 0xffffffffn)
      expect(BigInt(highHalf(value))).toBe(BigInt(value) >> 32n)
      expect(fromHalves(highHalf(value), lowHalf(value))).toBe(value)
    }),
  )
})

it('reads and writes them as a little-endian word of 64 bits, at any offset', () => {
  fc.assert(
    fc.property(numbers, fc.integer({ min: 0, max: 7 }), (value, at) => {
      const view = new DataView(new ArrayBuffer(16))
      setHalves(view, at, value)
      expect(view.getBigUint64(at, true)).toBe(BigInt(value))
      expect(getHalves(view, at)).toBe(value)
    }),
  )
})

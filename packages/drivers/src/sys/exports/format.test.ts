// Expected texts are those of the C standard's printf, and of Microsoft's documentation where that has its own.
import { describe, expect, it } from 'vitest'
import { type FormatSource, format } from './format.ts'

function printed(text: string, ...args: readonly (bigint | number | string)[]): string {
  const rest = [...args]
  const texts: string[] = []
  const take = (va: bigint): string => texts[Number(va) - 1]!
  const source: FormatSource = {
    next: () => {
      const value = rest.shift() ?? 0
      if (typeof value !== 'string') return BigInt.asUintN(64, BigInt(value))
      texts.push(value)
      return BigInt(texts.length)
    },
    ansi: (va, maximum) => take(va).slice(0, maximum),
    wide: (va, maximum) => `wide ${take(va)}`.slice(0, maximum),
    charge: () => {},
    counted: (va, isWide) => `${isWide ? 'wide ' : ''}${take(va)}`,
  }
  return format(text, source, false)
}

const bits = (value: number): bigint => new BigUint64Array(new Float64Array([value]).buffer)[0]!

describe('format', () => {
  it.each<[string, (bigint | number | string)[], string]>([
    ['%d %i', [-5, 0xffff_ffff], '-5 -1'],
    ['%u %x %X %o', [0xffff_ffff_ffn, 255, 255, 8], '4294967295 ff FF 10'],
    [
      '%I64x %llu %Iu',
      [0x1_0000_0000_0000n, 2n ** 64n - 1n, 2n ** 40n],
      '1000000000000 18446744073709551615 1099511627776',
    ],
    ['%hd %hhu', [0x1_ffff, 0x1ff], '-1 255'],
    ['[%5d|%-5d|%05d|%+d|% d]', [42, 42, -42, 42, 42], '[   42|42   |-0042|+42| 42]'],
    ['%08lx %#x %#010x %.4x', [0xbeef, 0xbeef, 0xbeef, 7], '0000beef 0xbeef 0x0000beef 0007'],
    ['%p', [0xfffff80012345678n], 'FFFFF80012345678'],
    ['%s|%.3s|%8s|%-8s|%*s', ['abc', 'abcdef', 'x', 'x', 4, 'y'], 'abc|abc|       x|x       |   y'],
    ['%ws %S %ls %hs', ['a', 'b', 'c', 'd'], 'wide a wide b wide c d'],
    ['%wZ %Z', ['u', 'a'], 'wide u a'],
    ['%s', [0], '(null)'],
    ['%c%C %%', [65, 66], 'AB %'],
    ['%.2f %e', [bits(2.625), bits(1500)], '2.63 1.500000e+003'],
    ['%.*d', [3, 7], '007'],
    ['100%y', [], '100y'],
  ])('%s', (text, args, expected) => expect(printed(text, ...args)).toBe(expected))

  it('does not let a width take more than a page of the host', () => {
    expect(printed('%999999999d', 1).length).toBe(4096)
  })
})

describe('work', () => {
  const counting = (limit: number): { source: FormatSource; count(): number } => {
    let count = 0
    return {
      count: () => count,
      source: {
        next: () => 1n,
        ansi: () => 'x'.repeat(0x1_0000),
        wide: () => '',
        counted: () => '',
        charge: (work) => {
          count += work
          if (count > limit) throw new Error('enough')
        },
      },
    }
  }

  it('is charged as the text grows, not at its end', () => {
    const { source, count } = counting(1_000_000)
    expect(() => format('%s'.repeat(1000), source, false)).toThrow('enough')
    expect(count()).toBeLessThan(1_200_000)
  })

  it('ends with the text that no longer fits', () => {
    const { source, count } = counting(1_000_000)
    expect(format('%4096d'.repeat(1000), source, false, 16)).toHaveLength(4096)
    expect(count()).toBeLessThan(10_000)
  })
})

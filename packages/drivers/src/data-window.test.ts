// What a port asks of the window of an MDL that does not begin at a page: addresses by byte.
import { gva } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { DataWindow } from './data-window.ts'
import type { KernelServices } from './kernel-services.ts'

it('gives the address of a byte, at which the same byte of the pages is shown', () => {
  const window = new DataWindow({} as KernelServices, gva(0xffff_f800_0000_0000n), 3) // nothing is mapped
  for (const page of [0x5000, 0x1_2345_6000, 0x7000]) window.add(page)
  for (const [offset, shown] of [
    [0, 0x5000],
    [0x200, 0x5200],
    [0x1000, 0x1_2345_6000],
    [0x1e00, 0x1_2345_6e00],
    [0x2fff, 0x7fff],
  ] as const) {
    expect(window.addressOf(offset)).toBe(0xffff_f800_0000_0000n + BigInt(offset))
    expect(window.translate(window.addressOf(offset))).toBe(shown)
  }
})

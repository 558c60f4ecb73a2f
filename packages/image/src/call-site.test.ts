import { buildPe } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { findReturnRva } from './call-site.ts'
import { parsePe } from './pe.ts'

const text = new Uint8Array(0x200).fill(0x90)
text.set([0xe8, 0xfb, 0, 0, 0], 0x10) // 0x1010: call 0x1110
text.set([0xff, 0x15, 0xe0, 0x0f, 0, 0], 0x1a) // 0x101a: call [0x2000]
text.set([0xe8, 0xdb, 0xff, 0xff, 0xff], 0x40) // 0x1040: call 0x1020
const image = parsePe(
  buildPe({
    sections: [
      { name: '.text', bytes: text },
      { name: '.rdata', bytes: new Uint8Array(0x10) },
    ],
    functions: [{ begin: 0x1000, end: 0x1045, unwind: Uint8Array.from([1, 0, 0, 0]) }],
  }),
)

it('finds the place behind direct calls, backward ones too, and behind calls through a pointer', () => {
  expect(findReturnRva(image, 0x1000, 0x1110)).toBe(0x1015)
  expect(findReturnRva(image, 0x1000, 0x2000)).toBe(0x1020)
  expect(findReturnRva(image, 0x1030, 0x1020)).toBe(0x1045)
})

it('says when a function does not call the target, and when there is no function', () => {
  expect(findReturnRva(image, 0x1000, 0x1120)).toBeNull()
  expect(() => findReturnRva(image, 0x1045, 0x1110)).toThrow(/no function of the image covers rva 0x1045/)
})

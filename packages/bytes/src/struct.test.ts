import { expect, it } from 'vitest'
import { absent, array, bytes, defineStruct, size64, struct, u8, u16, u32, u64, utf16 } from './struct.ts'

const Inner = defineStruct('INNER', 4, { low: u16(0), high: u16(2) })
const Sample = defineStruct('SAMPLE', 0x40, {
  small: u8(0),
  word: u32(4),
  wide: u64(8),
  length: size64(0x10),
  raw: bytes(0x18, 4),
  name: utf16(0x1c, 4),
  list: array(0x24, 3, u32),
  inner: struct(0x30, Inner),
})

it('reads and writes little-endian fields in place', () => {
  const memory = new Uint8Array(0x50)
  const view = Sample.of(memory, 0x10)
  view.word = 0x01020304
  view.wide = 0xfffff80312345678n
  view.length = 0x1_0000_0002
  view.name = 'abc'
  view.list.set(2, 7)
  view.inner.high = 0xbeef
  expect([...memory.subarray(0x14, 0x18)]).toEqual([4, 3, 2, 1])
  expect(view.wide).toBe(0xfffff80312345678n)
  expect(view.length).toBe(0x100000002)
  expect(view.name).toBe('abc')
  expect(view.list.get(2)).toBe(7)
  expect([...memory.subarray(0x42, 0x44)]).toEqual([0xef, 0xbe])
})

it('ignores what is written to a field that a layout lacks', () => {
  const memory = new Uint8Array(4)
  const view = defineStruct('OLDER', 4, { low: u32(0), late: absent(0n) }).of(memory)
  view.late = 0x1234n
  expect(view.late).toBe(0n)
  expect(memory).toEqual(new Uint8Array(4))
})

it('refuses what does not fit', () => {
  expect(() => Sample.of(new Uint8Array(0x3f))).toThrow(/SAMPLE of 64 bytes at offset 0/)
  expect(() => defineStruct('BAD', 4, { x: u64(0) })).toThrow(/BAD\.x/)
  const view = Sample.of(new Uint8Array(0x40).fill(0xff))
  expect(() => view.length).toThrow(/0xffffffffffffffff/)
  expect(() => view.list.get(3)).toThrow(RangeError)
  expect(() => {
    view.name = 'abcde'
  }).toThrow(RangeError)
})

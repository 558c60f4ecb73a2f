import { gpa, gva } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { GuestScatterGatherList, scatterGatherBytes } from './scatter-gather.ts'

const blockOf = (elements: number) => ({
  va: gva(0n),
  gpa: gpa(0),
  view: new DataView(new ArrayBuffer(scatterGatherBytes(elements))),
})

it('lays elements of 24 bytes after a header of 16, joining pieces that follow each other', () => {
  const block = blockOf(3)
  const list = new GuestScatterGatherList(block)
  expect(list.append(0x1_2345_6000, 0x1000)).toBe(true)
  expect(list.append(0x1_2345_7000, 0x1000)).toBe(true)
  expect(list.append(0x5000, 0x800)).toBe(true)
  expect(list.numberOfElements).toBe(2)
  expect(block.view.getUint32(0, true)).toBe(2)
  expect(block.view.getBigUint64(0x10, true)).toBe(0x1_2345_6000n)
  expect(block.view.getUint32(0x18, true)).toBe(0x2000)
  expect(block.view.getBigUint64(0x28, true)).toBe(0x5000n)
  expect([list.physicalAddress(1), list.length(1)]).toEqual([0x5000, 0x800])
})

it('says when it is full and starts over', () => {
  const list = new GuestScatterGatherList(blockOf(1))
  expect(list.append(0x1000, 0x1000)).toBe(true)
  expect(list.append(0x9000, 0x1000)).toBe(false)
  list.clear()
  expect(list.numberOfElements).toBe(0)
  expect(list.append(0x2000, 0x1000)).toBe(true)
  expect(list.numberOfElements).toBe(1)
})

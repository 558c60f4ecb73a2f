// Offsets as the reference has them: measured in compiled miniports that take one kind or the other.
import { gpa, gva } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { SrbBuilder } from './srb-builder.ts'
import { SRB_BYTES, type SrbLayout, srbLayoutFor } from './srb-layout.ts'

function build(layout: SrbLayout, srbFunction: number): DataView {
  const view = new DataView(new ArrayBuffer(SRB_BYTES))
  const builder = new SrbBuilder({ va: gva(0n), gpa: gpa(0), view }, layout)
  builder.begin(srbFunction, 0x80, 0x10000, 10, gva(0xffff_8000_1234_5000n))
  builder.address({ pathId: 0, targetId: 1, lun: 2 })
  builder.data(gva(0xffff_8000_aaaa_0000n))
  builder.sense(gva(0xffff_8000_bbbb_0000n), 18)
  builder.queue(0x20, 7)
  if (srbFunction === 0) builder.transfer(true, 0x01020304, 0x80)
  return view
}

it('gives the kind that SrbTypeFlags take, the newer one where both', () => {
  expect([0, 1, 2, 3].map((flags) => srbLayoutFor(flags).byteLength)).toEqual([0x58, 0x58, 0xc0, 0xc0])
})

it('builds a SCSI_REQUEST_BLOCK', () => {
  const view = build(srbLayoutFor(1), 0)
  expect(view.getUint16(0x00, true)).toBe(0x58)
  expect(view.getUint8(0x02)).toBe(0)
  expect([0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b].map((at) => view.getUint8(at))).toEqual([
    0, 1, 2, 7, 0x20, 10, 18,
  ])
  expect([0x0c, 0x10, 0x14].map((at) => view.getUint32(at, true))).toEqual([0x80, 0x10000, 10])
  expect([0x18, 0x20, 0x38].map((at) => view.getBigUint64(at, true))).toEqual([
    0xffff_8000_aaaa_0000n,
    0xffff_8000_bbbb_0000n,
    0xffff_8000_1234_5000n,
  ])
  expect(view.getUint8(0x48)).toBe(0x2a)
})

it('builds a STORAGE_REQUEST_BLOCK with one CDB and a BTL8 address', () => {
  const view = build(srbLayoutFor(2), 0)
  expect([view.getUint16(0x00, true), view.getUint8(0x02)]).toEqual([8, 0x28])
  expect([0x08, 0x0c, 0x10, 0x14, 0x18, 0x20, 0x28].map((at) => view.getUint32(at, true))).toEqual([
    0x53524258, 1, 0xc0, 0, 0x80, 7, 10,
  ])
  expect(view.getUint16(0x26, true)).toBe(0x20)
  expect([0x34, 0x38, 0x3c, 0x78].map((at) => view.getUint32(at, true))).toEqual([0x80, 1, 0x10000, 0x90])
  expect([0x40, 0x68].map((at) => view.getBigUint64(at, true))).toEqual([
    0xffff_8000_aaaa_0000n,
    0xffff_8000_1234_5000n,
  ])
  expect([view.getUint16(0x80, true), view.getUint32(0x84, true)]).toEqual([1, 4])
  expect([0x88, 0x89, 0x8a].map((at) => view.getUint8(at))).toEqual([0, 1, 2])
  expect([0x90, 0x94].map((at) => view.getUint32(at, true))).toEqual([0x40, 0x20])
  expect([0x99, 0x9a].map((at) => view.getUint8(at))).toEqual([18, 10])
  expect(view.getBigUint64(0xa0, true)).toBe(0xffff_8000_bbbb_0000n)
  expect(view.getUint8(0xa8)).toBe(0x2a)
})

it('finds the function of either kind', () => {
  for (const flags of [1, 2]) {
    const layout = srbLayoutFor(flags)
    expect(layout.functionOf(build(layout, 0x07))).toBe(0x07)
  }
})

it('gives a function without a command no CDB', () => {
  const view = build(srbLayoutFor(2), 0x07)
  expect([0x14, 0x38, 0x78].map((at) => view.getUint32(at, true))).toEqual([7, 0, 0])
})

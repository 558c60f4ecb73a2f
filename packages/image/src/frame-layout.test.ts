import { buildPe } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { frameLayout } from './frame-layout.ts'
import { type PeImage, parsePe } from './pe.ts'

const RBX = 3
const RBP = 5
const RSI = 6
const RDI = 7

const withUnwind = (...unwind: number[][]): PeImage =>
  parsePe(
    buildPe({
      sections: [{ name: '.text', bytes: new Uint8Array(0x1000).fill(0x90) }],
      functions: unwind.map((bytes, i) => ({
        begin: 0x1000 + i * 0x100,
        end: 0x1080 + i * 0x100,
        unwind: Uint8Array.from(bytes),
      })),
    }),
  )

describe('frameLayout', () => {
  it('gives a leaf its return address only', () => {
    expect(frameLayout(withUnwind([1, 0, 0, 0]), 0x1090)).toMatchObject({
      byteLength: 8,
      returnOffset: 0,
      saved: [],
    })
  })

  it('adds pushes, allocations and the return address', () => {
    // push rbp; push rsi; push rdi; sub rsp, 0x30
    const image = withUnwind([1, 8, 4, 0, 8, 0x52, 4, 0x70, 3, 0x60, 1, 0x50])
    expect(frameLayout(image, 0x1040)).toEqual({
      byteLength: 0x30 + 3 * 8 + 8,
      returnOffset: 0x48,
      saved: [
        { register: RDI, offset: 0x30 },
        { register: RSI, offset: 0x38 },
        { register: RBP, offset: 0x40 },
      ],
      savedXmm: [],
      framePointer: null,
      hasMachineFrame: false,
    })
  })

  it('reads both forms of the large allocation', () => {
    // sub rsp, 0x1238 as 16 bits times 8; sub rsp, 0x123450 as 32 bits
    const image = withUnwind([1, 7, 2, 0, 7, 1, 0x47, 0x02], [1, 7, 3, 0, 7, 0x11, 0x50, 0x34, 0x12, 0])
    expect(frameLayout(image, 0x1000).byteLength).toBe(0x1238 + 8)
    expect(frameLayout(image, 0x1100).byteLength).toBe(0x123450 + 8)
  })

  it('takes saves relative to the frame pointer base where allocations follow it', () => {
    // push rbp; sub rsp, 0x20; lea rbp, [rsp+0x10]; sub rsp, 0x40; mov [rbp-0x10+0x18], rbx; movaps [base], xmm6
    const image = withUnwind([
      1, 0x20, 8, 0x15, 0x20, 0x68, 0, 0, 0x1c, 0x34, 3, 0, 0x14, 0x72, 0xa, 3, 5, 0x32, 1, 0x50,
    ])
    const frame = frameLayout(image, 0x1000)
    expect(frame.framePointer).toEqual({ register: RBP, offset: 0x40 + 0x10 })
    expect(frame.saved).toEqual([
      { register: RBX, offset: 0x40 + 0x18 },
      { register: RBP, offset: 0x60 },
    ])
    expect(frame.savedXmm).toEqual([{ register: 6, offset: 0x40 }])
    expect(frame.byteLength).toBe(0x70)
  })

  it('goes on in the parent of a chained entry', () => {
    // Second function saves rsi at [rsp+0x28] and is chained to the first: sub rsp, 0x30.
    const chained = [0x21, 5, 2, 0, 5, 0x64, 5, 0, 0x00, 0x10, 0, 0, 0x80, 0x10, 0, 0]
    const parent = withUnwind([1, 4, 1, 0, 4, 0x52, 0, 0], [...chained, 0, 0, 0, 0])
    const unwindRva = parent.runtimeFunctions[0]!.unwindRva
    const image = withUnwind(
      [1, 4, 1, 0, 4, 0x52, 0, 0],
      [...chained, unwindRva & 0xff, unwindRva >> 8, 0, 0],
    )
    const frame = frameLayout(image, 0x1100)
    expect(frame.byteLength).toBe(0x38)
    expect(frame.saved).toEqual([{ register: RSI, offset: 0x28 }])
  })

  it('ends at a machine frame, after the error code', () => {
    // sub rsp, 0x28 after an interrupt with error code
    const image = withUnwind([1, 4, 2, 0, 4, 0x42, 0, 0x1a])
    expect(frameLayout(image, 0x1000)).toMatchObject({
      byteLength: 0x58,
      returnOffset: 0x30,
      hasMachineFrame: true,
    })
  })

  it('refuses a chain without end, other versions and codes beyond the slots', () => {
    const probe = withUnwind([0x21, 0, 0, 0, 0, 0x10, 0, 0, 0x80, 0x10, 0, 0, 0, 0, 0, 0])
    const own = probe.runtimeFunctions[0]!.unwindRva
    const loop = withUnwind([0x21, 0, 0, 0, 0, 0x10, 0, 0, 0x80, 0x10, 0, 0, own & 0xff, own >> 8, 0, 0])
    expect(() => frameLayout(loop, 0x1000)).toThrow(/chained more than 32 times/)
    expect(() => frameLayout(withUnwind([3, 0, 0, 0]), 0x1000)).toThrow(/version 3, expected 1 or 2/)
    expect(() => frameLayout(withUnwind([1, 0, 1, 0, 4, 1, 0, 0]), 0x1000)).toThrow(
      /1 code slots, the last code needs 2/,
    )
    expect(() => frameLayout(withUnwind([1, 0, 1, 0, 4, 6, 0, 0]), 0x1000)).toThrow(
      /operation 6 in version 1/,
    )
    expect(() => frameLayout(probe, 0x999000)).toThrow(/outside the image/)
  })

  it('skips the epilog codes of version 2', () => {
    const image = withUnwind([2, 4, 3, 0, 5, 0x16, 0, 6, 4, 0x42, 0, 0])
    expect(frameLayout(image, 0x1000).byteLength).toBe(0x30)
  })
})

import { gpa, gva } from '@dumpstack/bytes'
import {
  type PortConfigurationInformation,
  ScsiRequestBlock,
  SP_UNINITIALIZED_VALUE,
  STOR_MAP_ALL_BUFFERS,
} from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import { bad, changingConfig } from '../crash/bad-miniports.test-support.ts'
import { testMachine } from '../fake-kernel.test-support.ts'
import { startRuntimeStack } from './start-runtime-stack.ts'

const WRITE = 0x2a
const HIGH = 0x100000000

/** A running stack whose miniport announces `limits`, and the elements of each list that it was given with a write. */
function limitedTo(limits: (config: PortConfigurationInformation) => void) {
  const test = testMachine()
  const lists: { gpa: number; byteLength: number }[][] = []
  const lengths: number[] = []
  const miniport = bad((data, { port }) => ({
    ...changingConfig(limits)(data, { port, isDump: false }),
    hwBuildIo: (extension, block) => {
      const srb = ScsiRequestBlock.at(block.view)
      if (srb.function === 0 && srb.cdb[0] === WRITE) {
        const list = port.getScatterGatherList(extension, block)!
        lengths.push(srb.dataTransferLength)
        lists.push(
          Array.from({ length: list.numberOfElements }, (_, i) => ({
            gpa: list.physicalAddress(i),
            byteLength: list.length(i),
          })),
        )
        for (const at of [0, srb.dataTransferLength - 1]) {
          expect(port.getPhysicalAddress(extension, block, gva(srb.dataBuffer + BigInt(at)))).not.toBeNull()
        }
      }
      return data.hwBuildIo!(extension, block)
    },
  }))
  const stack = startRuntimeStack({ ...test, miniport })
  return { ...test, stack, lists, lengths }
}

const bytesOf = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + 3, 0x9e3779b1) >>> 24)

describe('requests within the announced limits', () => {
  it.each<[what: string, length: number, breaks: number, expected: number[]]>([
    ['MaximumTransferLength', 0x4000, 0x21, [0x4000, 0x4000, 0x4000, 0x4000]],
    ['the breaks, which carry a page less', 0x20000, 9, [0x8000, 0x8000]],
    ['a length that is no page', 0x5200, 0x21, [0x5200, 0x5200, 0x5200, 0xa00]],
    ['no scatter/gather', 0x20000, 0, Array.from({ length: 16 }, () => 0x1000)],
    ['limits of which one is unset', SP_UNINITIALIZED_VALUE, 5, [0x4000, 0x4000, 0x4000, 0x4000]],
  ])('are cut by %s', (_what, length, breaks, expected) => {
    const { machine, stack, image, lengths } = limitedTo((config) => {
      config.maximumTransferLength = length
      config.numberOfPhysicalBreaks = breaks
    })
    expect(stack.transferLimit).toBe(expected[0])
    const bytes = bytesOf(0x10000)
    machine.ram.write(gpa(HIGH), bytes)
    stack.write(0x200, gpa(HIGH), bytes.byteLength)
    stack.drain()
    expect(lengths).toEqual(expected)
    const found = new Uint8Array(bytes.byteLength)
    image.read(0x200, found)
    expect(Buffer.compare(found, bytes)).toBe(0)
  })

  it('are sent in one piece of 2 MiB at most where nothing is announced', () => {
    const { stack } = limitedTo((config) => {
      config.maximumTransferLength = SP_UNINITIALIZED_VALUE
      config.numberOfPhysicalBreaks = SP_UNINITIALIZED_VALUE
    })
    expect(stack.transferLimit).toBe(0x200000)
  })
})

describe('a buffer whose pages lie apart', () => {
  const BREAKS = 0x21
  /** Pages apart from each other, the last two together; the first begins and the last ends inside its page. */
  const scattered = (pages: number, first: number, last: number) =>
    Array.from({ length: pages }, (_, i) => {
      const page = i === pages - 1 ? 0x180000 + 2 * (pages - 2) * 0x1000 + 0x1000 : 0x180000 + 2 * i * 0x1000
      const from = i === 0 ? 0x1000 - first : 0
      return {
        gpa: gpa(HIGH + page - 0x100000 + from),
        byteLength: i === 0 ? first : i === pages - 1 ? last : 0x1000,
      }
    })

  it.each<[what: string, is64Bit: boolean]>([
    ['reaches the disk and comes back', true],
    ['goes through memory below 4 GiB for a controller of 32 bits', false],
  ])('%s', (_what, is64Bit) => {
    const { machine, stack, image, lists } = limitedTo((config) => {
      if (!is64Bit) config.dma64BitAddresses = 0
    })
    const buffer = scattered(BREAKS, 0x200, 0xe00)
    const bytes = bytesOf(0x20000)
    let at = 0
    for (const piece of buffer) {
      machine.ram.write(piece.gpa, bytes.subarray(at, at + piece.byteLength))
      at += piece.byteLength
    }
    expect(at).toBe(stack.transferLimit)
    stack.writeScattered(0x10000, buffer)
    stack.drain()
    expect(lists).toHaveLength(1)
    expect(lists[0]).toHaveLength(is64Bit ? BREAKS - 1 : 1)
    expect(lists[0]!.at(-1)!.byteLength).toBe(is64Bit ? 0x1e00 : 0x20000)
    const found = new Uint8Array(bytes.byteLength)
    image.read(0x10000, found)
    expect(Buffer.compare(found, bytes)).toBe(0)
    for (const piece of buffer) machine.ram.write(piece.gpa, new Uint8Array(piece.byteLength))
    stack.readScattered(0x10000, buffer)
    stack.drain()
    at = 0
    for (const piece of buffer) {
      machine.ram.read(piece.gpa, found.subarray(at, at + piece.byteLength))
      at += piece.byteLength
    }
    expect(Buffer.compare(found, bytes)).toBe(0)
  })

  it('is mapped as one where the miniport wants its buffers mapped', () => {
    const test = testMachine()
    const seen: Uint8Array[] = []
    const miniport = bad((data, { port }) => ({
      ...changingConfig((config) => {
        config.mapBuffers = STOR_MAP_ALL_BUFFERS
      })(data, { port, isDump: false }),
      hwBuildIo: (extension, block) => {
        const srb = ScsiRequestBlock.at(block.view)
        if (srb.function === 0 && srb.cdb[0] === WRITE) {
          const bytes = new Uint8Array(srb.dataTransferLength)
          for (let at = 0; at < bytes.byteLength; at++) {
            const address = test.kernel.vaToGpa(gva(srb.dataBuffer + BigInt(at)))!
            test.machine.ram.read(address, bytes.subarray(at, at + 1))
          }
          seen.push(bytes)
        }
        return data.hwBuildIo!(extension, block)
      },
    }))
    const stack = startRuntimeStack({ ...test, miniport })
    const buffer = scattered(4, 0x200, 0xa00)
    const bytes = bytesOf(0x2c00)
    let at = 0
    for (const piece of buffer) {
      test.machine.ram.write(piece.gpa, bytes.subarray(at, at + piece.byteLength))
      at += piece.byteLength
    }
    stack.writeScattered(0, buffer)
    stack.drain()
    expect(seen).toEqual([bytes])
  })

  it('is cut inside a page, and each part keeps within the breaks', () => {
    const { machine, stack, image, lists } = limitedTo((config) => {
      config.numberOfPhysicalBreaks = 3
    })
    const buffer = scattered(6, 0x600, 0x200)
    const bytes = bytesOf(0x4800)
    let at = 0
    for (const piece of buffer) {
      machine.ram.write(piece.gpa, bytes.subarray(at, at + piece.byteLength))
      at += piece.byteLength
    }
    stack.writeScattered(0, buffer)
    stack.drain()
    expect(lists.map((list) => list.map(({ byteLength }) => byteLength))).toEqual([
      [0x600, 0x1000, 0xa00],
      [0x600, 0x1000, 0xa00],
      [0x600 + 0x200],
    ])
    const found = new Uint8Array(bytes.byteLength)
    image.read(0, found)
    expect(Buffer.compare(found, bytes)).toBe(0)
  })

  it.each([
    ['ends inside a page before the last', [0x200, 0x1000]],
    ['has a piece without a byte', [0x1000, 0]],
  ])('is refused where it %s', (_what, lengths) => {
    const { stack } = limitedTo(() => {})
    const buffer = lengths.map((byteLength, i) => ({ gpa: gpa(0x200000 + i * 0x10000), byteLength }))
    expect(() => stack.writeScattered(0, buffer)).toThrow(
      expect.objectContaining({
        code: 'BUFFER_SHAPE',
        message: expect.stringContaining('whole pages between'),
      }),
    )
  })

  it('is refused where a piece after the first begins inside a page', () => {
    const { stack } = limitedTo(() => {})
    const buffer = [
      { gpa: gpa(0x200000), byteLength: 0x1000 },
      { gpa: gpa(0x210200), byteLength: 0x200 },
    ]
    expect(() => stack.readScattered(0, buffer)).toThrow(
      /piece 1 of the buffer is 0x200 bytes at gpa 0x210200/,
    )
  })
})

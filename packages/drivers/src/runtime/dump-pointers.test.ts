// The dump pointers as another reader finds them: offsets written here a second time, from ntddscsi.h, ntdddisk.h and storport.h.
import { gva } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { bad, dumpWith } from '../crash/bad-miniports.test-support.ts'
import { testMachine } from '../fake-kernel.test-support.ts'
import type { MiniportImage } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { startRuntimeStack } from './start-runtime-stack.ts'

it('describes the boot device to crashdmp in guest RAM', () => {
  const { machine, kernel, controller } = testMachine()
  const stack = startRuntimeStack({ machine, kernel, controller, miniport: storahci })
  const memory = stack.dumpPointers()
  expect(stack.dumpPointers()).toBe(memory)
  const at = (va: bigint, length: number): DataView => machine.ram.view(kernel.vaToGpa(gva(va))!, length)
  const name = (view: DataView, offset: number): string => {
    let text = ''
    for (let i = offset; view.getUint16(i, true) !== 0; i += 2)
      text += String.fromCharCode(view.getUint16(i, true))
    return text
  }
  const pointers = at(memory.va, 0x68)
  expect([pointers.getUint32(0, true), pointers.getUint32(4, true)]).toEqual([4, 0x68])
  expect([pointers.getUint32(0x18, true), pointers.getUint8(0x1c), pointers.getUint32(0x30, true)]).toEqual([
    0x10000, 1, 1,
  ])

  const port = at(pointers.getBigUint64(0x28, true), 0x48)
  const miniport = at(port.getBigUint64(0, true), 0x48)
  expect([name(port, 8), name(miniport, 8), miniport.getBigUint64(0, true)]).toEqual([
    'storport',
    'storahci',
    0n,
  ])

  const abar = machine.bus.config32(controller.bdf, 0x24)
  const base = at(pointers.getBigUint64(0x48, true), 8)
  const mapped = at(base.getBigUint64(0, true), 0x28)
  expect(mapped.getBigUint64(0, true)).toBe(0n)
  expect(mapped.getBigUint64(0x18, true)).toBe(BigInt(abar))
  expect(mapped.getUint32(0x10, true)).toBeGreaterThanOrEqual(0x180)

  const adapter = at(pointers.getBigUint64(0x40, true), 0x10)
  expect([adapter.getUint16(0, true), adapter.getUint16(2, true)]).toEqual([1, 0x10])

  const saved = at(pointers.getBigUint64(0x08, true), 0xe0)
  expect(saved.getUint32(0, true)).toBe(0xe0)
  const ranges = at(saved.getBigUint64(0x38, true), 6 * 0x10)
  expect(ranges.getBigUint64(5 * 0x10, true)).toBe(BigInt(abar))
  expect(at(saved.getBigUint64(0x40, true), 4).getUint32(0, true)).toBe(0x49434841)
})

it('leaves the dump instance without a context when the miniport does not support dump pointers', () => {
  const { report } = dumpWith(storahci, { runtimeMiniport: bad(() => ({ featureSupport: 0 })) })
  expect(report).toMatchObject({ finalStatus: 0xc000009d, failure: 'HwFindAdapter returned 2, expected 1' })
})

const DUMP_POINTERS = 0x26

/** storahci that answers SRB_FUNCTION_DUMP_POINTERS in its own way. */
const describing = (change: (pointers: DataView) => void): MiniportImage =>
  bad((data, { port }) => ({
    hwBuildIo: (extension, block) => {
      const goesOn = data.hwBuildIo!(extension, block)
      if (block.view.getUint8(2) === DUMP_POINTERS) {
        change(port.dereference(gva(block.view.getBigUint64(0x18, true)), 0x70).view)
      }
      return goesOn
    },
  }))

it.each<[string, (pointers: DataView) => void, RegExp]>([
  ['no Version', (p) => p.setUint16(0, 0, true), /Version is 0x0 and Size is 0x70, expected both to be set/],
  ['no Size', (p) => p.setUint16(2, 0, true), /Version is 0x100 and Size is 0x0, expected both to be set/],
  [
    'a common buffer above 64 KiB',
    (p) => p.setUint32(0x38, 0x10001, true),
    /CommonBufferSize is 0x10001, expected at most 0x10000/,
  ],
  [
    'one physical break',
    (p) => p.setUint32(0x54, 1, true),
    /MaximumTransferLength 0x20000 and NumberOfPhysicalBreaks 0x1 do not allow one page/,
  ],
])('refuses dump pointers with %s', (_what, change, message) => {
  const { machine, kernel, controller } = testMachine()
  const miniport = describing(change)
  expect(() => startRuntimeStack({ machine, kernel, controller, miniport })).toThrow(message)
})

it.each<[number, number, number]>([
  [0x4000, 0x21, 0x4000],
  [0x20000, 5, 0x4000],
  [0xffffffff, 0xffffffff, 0x10000],
  [0, 0, 0x10000],
])(
  'sends dump writes within MaximumTransferLength %i and %i breaks of the running miniport',
  (length, breaks, expected) => {
    const lengths = new Set<number>()
    const { report } = dumpWith(
      bad((data) => ({
        hwBuildIo: (extension, block) => {
          if (block.view.getUint8(0x48) === 0x2a) lengths.add(block.view.getUint32(0x10, true))
          return data.hwBuildIo!(extension, block)
        },
      })),
      {
        runtimeMiniport: describing((pointers) => {
          pointers.setUint32(0x50, length, true)
          pointers.setUint32(0x54, breaks, true)
        }),
      },
    )
    expect(report).toMatchObject({ finalStatus: 0, violations: [] })
    expect(Math.max(...lengths)).toBe(expected)
  },
)

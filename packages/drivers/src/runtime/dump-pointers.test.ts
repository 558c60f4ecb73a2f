// The dump pointers as another reader finds them: offsets written here a second time, from ntddscsi.h, ntdddisk.h and storport.h.
import { gva } from '@dumpstack/bytes'
import { expect, it } from 'vitest'
import { bad, dumpWith } from '../crash/bad-miniports.test-support.ts'
import { testMachine } from '../fake-kernel.test-support.ts'
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
  const mapped = at(pointers.getBigUint64(0x48, true), 0x28)
  expect(mapped.getBigUint64(0, true)).toBe(0n)
  expect(mapped.getBigUint64(0x18, true)).toBe(BigInt(abar))
  expect(mapped.getUint32(0x10, true)).toBeGreaterThanOrEqual(0x180)

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

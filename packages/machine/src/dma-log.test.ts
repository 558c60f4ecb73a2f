import { expect, it } from 'vitest'
import { ColumnarDmaLog } from './dma-log.ts'
import { MachineError } from './errors.ts'

it('keeps thousands of records as they came', () => {
  const log = new ColumnarDmaLog([
    { device: 'ahci0', disk: 'd' },
    { device: 'ahci1', disk: 'e' },
  ])
  for (let i = 0; i < 5000; i++) log.add(i % 2, i % 3 === 0, i * 2 ** 30, i + 1, 2 ** 33 + i, i * 1e6)
  expect(log.length).toBe(5000)
  expect(log.at(4999)).toEqual({
    device: 'ahci1',
    disk: 'e',
    direction: 'fromDisk',
    diskOffset: 4999 * 2 ** 30,
    byteLength: 5000,
    gpa: 2 ** 33 + 4999,
    atNs: 4999e6,
  })
  expect(log.at(0)).toMatchObject({ device: 'ahci0', direction: 'toDisk', byteLength: 1 })
  log.clear()
  expect(log.length).toBe(0)
  expect(() => log.at(0)).toThrow(MachineError)
})

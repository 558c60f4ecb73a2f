import { gva } from '@dumpstack/bytes'
import { describe, expect, it } from 'vitest'
import { alteredMiniport, portWith } from '../altered-miniport.ts'
import type { GuestBlock, MiniportImage, PortExports } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { bad, changingConfig, dumpWith } from './bad-miniports.test-support.ts'

/** storahci with another idea of how much uncached memory it needs: one call, as it has to be. */
const uncached = (
  ask: (port: PortExports, config: GuestBlock, byteLength: number) => GuestBlock | null,
): MiniportImage => ({
  ...storahci,
  load: (loaded) => (port, driverObject, registryPath) => {
    const between = portWith(port, {
      getUncachedExtension: (_extension, config, byteLength) => ask(port, config, byteLength),
    })
    return storahci.load(loaded)(between, driverObject, registryPath)
  },
})

it('DM-11: warns of more than 32 KiB where it is less than while the system ran', () => {
  const asking = (byteLength: number): MiniportImage =>
    uncached((port, config) => port.getUncachedExtension(config, config, byteLength))
  const { report } = dumpWith(asking(0x9794), { runtimeMiniport: asking(0x24000) })
  expect(report).toMatchObject({ finalStatus: 0, violations: [{ rule: 'DM-11', severity: 'warning' }] })
  expect(dumpWith(asking(0x8000), { runtimeMiniport: asking(0x24000) }).report.violations).toEqual([])
})

describe('DM-11: more noncached memory than there is', () => {
  const wants = (fallback: number): MiniportImage =>
    uncached(
      (port, config) =>
        port.getUncachedExtension(config, config, 0x10000) ??
        port.getUncachedExtension(config, config, fallback),
    )

  it('is a warning where the miniport then asks for what there is', () => {
    expect(dumpWith(wants(0x6000)).report).toMatchObject({
      finalStatus: 0,
      violations: [{ rule: 'DM-11', severity: 'warning', count: 1 }],
    })
  })

  it('is why there is no dump where the miniport gives up', () => {
    expect(dumpWith(wants(0x10000)).report).toMatchObject({
      finalStatus: 0xc000009d,
      violations: [{ rule: 'DM-11', severity: 'fail', count: 2 }],
    })
  })
})

it('DM-12: warns of a second call that gets what the first one got', () => {
  const { report } = dumpWith(
    uncached((port, config, byteLength) => {
      port.getUncachedExtension(config, config, byteLength)
      return port.getUncachedExtension(config, config, byteLength)
    }),
  )
  expect(report).toMatchObject({ finalStatus: 0, violations: [{ rule: 'DM-12', severity: 'warning' }] })
})

it('DM-43: notes limits that allow nothing, and sends single pages', () => {
  const { crashed, report } = dumpWith(
    bad(
      changingConfig((config) => {
        config.maximumTransferLength = 0
        config.numberOfPhysicalBreaks = 1
      }),
    ),
  )
  const violations = [
    { rule: 'DM-43', severity: 'note', message: expect.stringContaining('allow no transfer') },
  ]
  expect(report).toMatchObject({ finalStatus: 0, violations })
  const { dmaLog } = crashed.machine.evidence
  const lengths = Array.from({ length: dmaLog.length }, (_, i) => dmaLog.at(i))
    .filter(({ direction }) => direction === 'toDisk')
    .map(({ byteLength }) => byteLength)
  expect(Math.max(...lengths)).toBe(0x1000)
})

it('DM-43: takes breaks as the only limit of a miniport whose length is longer than any dump write', () => {
  const limits = changingConfig((config) => {
    config.maximumTransferLength = 0xffffff
    config.numberOfPhysicalBreaks = 8
  })
  const { crashed, report } = dumpWith(bad(limits))
  expect(report).toMatchObject({ finalStatus: 0, violations: [] })
  const { dmaLog } = crashed.machine.evidence
  const lengths = Array.from({ length: dmaLog.length }, (_, i) => dmaLog.at(i))
    .filter(({ direction }) => direction === 'toDisk')
    .map(({ byteLength }) => byteLength)
  expect(Math.max(...lengths)).toBe(7 * 0x1000)
})

it.each([
  ['warning', true, 'that the port has answered'],
  ['fail', false, 'that the port has not answered'],
])(
  'stray-memory: a %s, once, for what goes past the uncached extension into a length %s',
  (severity, asksForAll) => {
    let behind = gva(0n)
    let written = 0
    const asks = uncached((port, config, byteLength) => {
      const block = port.getUncachedExtension(config, config, byteLength)!
      behind = gva(block.va + BigInt(block.view.byteLength))
      if (asksForAll) port.getPhysicalAddress(config, null, block.va)
      return block
    })
    const writes = alteredMiniport(asks, (data, { port }) => {
      const spoil = (): void => port.dereference(behind, 4).view.setUint32(0, ++written)
      return {
        ...data,
        hwInitialize: (extension) => {
          spoil()
          return data.hwInitialize(extension)
        },
        hwStartIo: (extension, block) => {
          spoil()
          return data.hwStartIo(extension, block)
        },
      }
    })
    const { report } = dumpWith(writes)
    expect(report).toMatchObject({
      finalStatus: 0,
      violations: [{ rule: 'stray-memory', call: 'HwInitialize', severity }],
    })
    expect(written).toBeGreaterThan(2)
  },
)

import { virtioBlk } from '@dumpstack/machine'
import { PortConfigurationInformation } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import { bad, dumpWith, inFindAdapter, PLAN } from '../crash/bad-miniports.test-support.ts'
import { bytesOfPlan, bytesOnDisk, crash, writeDump } from '../crash/crash.test-support.ts'
import type { GuestBlock, PortExports } from '../miniport.ts'

/** Device 4, function 1 of bus 2. */
const ELSEWHERE = (2 << 8) | (4 << 3) | 1
const SLOT = (1 << 5) | 4
const NO_BUS: number[] = []
const NO_DEVICE = [0xff, 0xff]

it.each(['runtime', 'dump'] as const)(
  'StorPortGetBusData and StorPortSetBusDataByOffset of the %s instance reach the function that they name',
  (life) => {
    const seen: Record<string, unknown> = {}
    const look = (port: PortExports, extension: GuestBlock, block: GuestBlock): void => {
      const { systemIoBusNumber, slotNumber } = PortConfigurationInformation.at(block.view)
      const at = (bus: number, slot: number): number[] => [...port.getBusData(extension, bus, slot, 0, 4)]
      Object.assign(seen, {
        place: [systemIoBusNumber, slotNumber],
        own: at(2, SLOT),
        otherFunction: at(2, 4),
        otherBus: at(0, SLOT),
        noBus: at(1, SLOT),
        pastTheEnd: [...port.getBusData(extension, 2, SLOT, 0xfe, 4)].length,
        one: [...port.getBusData(extension, 0, SLOT, 0, 1)],
        written: [
          port.setBusData(extension, 2, SLOT, 0x3c, Uint8Array.of(9)),
          port.setBusData(extension, 2, 4, 0x3c, Uint8Array.of(9)),
          port.setBusData(extension, 1, SLOT, 0x3c, Uint8Array.of(9)),
        ],
        line: [...port.getBusData(extension, 2, SLOT, 0x3c, 1)],
      })
    }
    const miniport = bad(
      inFindAdapter(({ port, isDump }, extension, block) => {
        if (isDump === (life === 'dump')) look(port, extension, block)
      }),
    )
    const { crashed, report } = dumpWith(miniport, { bdf: ELSEWHERE, runtimeMiniport: miniport })
    expect(report).toMatchObject({ finalStatus: 0, violations: [] })
    const id = crashed.machine.bus.config32(ELSEWHERE, 0)
    expect(seen).toEqual({
      place: [2, SLOT],
      own: [id & 0xff, (id >>> 8) & 0xff, (id >>> 16) & 0xff, id >>> 24],
      otherFunction: NO_DEVICE,
      otherBus: NO_DEVICE,
      noBus: NO_BUS,
      pastTheEnd: 2,
      one: [0xff],
      written: [1, 0, 0],
      line: [9],
    })
  },
)

it('a virtio disk on another bus takes a dump', () => {
  const crashed = crash({ model: virtioBlk, bdf: ELSEWHERE })
  expect(writeDump(crashed.stack, PLAN)).toMatchObject({ finalStatus: 0, violations: [] })
  const found = bytesOnDisk(crashed, PLAN.byteLength)
  expect(Buffer.compare(found, bytesOfPlan(crashed, PLAN))).toBe(0)
})

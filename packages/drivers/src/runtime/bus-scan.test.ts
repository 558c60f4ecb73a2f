// Where the disk is behind its adapter; the miniports are storahci with its disk moved.
import { gva } from '@dumpstack/bytes'
import { PortConfigurationInformation, ScsiRequestBlock } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import {
  bad,
  type Change,
  dumpWith,
  EXECUTE_SCSI,
  INQUIRY,
  PLAN,
} from '../crash/bad-miniports.test-support.ts'
import { bytesOfPlan, bytesOnDisk } from '../crash/crash.test-support.ts'
import { testMachine } from '../fake-kernel.test-support.ts'
import type { MiniportImage } from '../miniport.ts'
import type { ScsiPlace } from '../runtime-stack.ts'
import { startRuntimeStack } from './start-runtime-stack.ts'

const REPORT_LUNS = 0xa0
const SELECTION_TIMEOUT = 0x0a
const INVALID_REQUEST = 6

interface Adapter {
  readonly buses?: number
  readonly targets?: number
  readonly units?: number
  /** Answers that nothing is there with this. */
  readonly absent?: number
  /** Of a unit that is no disk, and of the disk, in the order in which REPORT LUNS lists them; null where it is not known. */
  readonly luns?: readonly number[] | null
  readonly disk: ScsiPlace | null
  /** A device of another type at that place. */
  readonly other?: ScsiPlace
}

const isAt = (srb: ScsiRequestBlock, place: ScsiPlace | null | undefined): boolean =>
  place != null && srb.pathId === place.pathId && srb.targetId === place.targetId && srb.lun === place.lun

function adapter(
  { buses = 1, targets = 1, units = 1, absent = SELECTION_TIMEOUT, luns, disk, other }: Adapter,
  asked: string[] = [],
): MiniportImage {
  const moved: Change = (data, { port, isDump }) => ({
    hwFindAdapter: (extension, context, bus, argument, block) => {
      const found = data.hwFindAdapter(extension, context, bus, argument, block)
      const config = PortConfigurationInformation.at(block.view)
      config.numberOfBuses = buses
      config.maximumNumberOfTargets = targets
      config.maximumNumberOfLogicalUnits = units
      return found
    },
    hwBuildIo: (extension, block) => {
      const srb = ScsiRequestBlock.at(block.view)
      if (srb.function !== EXECUTE_SCSI) return data.hwBuildIo!(extension, block)
      const { pathId, targetId, lun } = srb
      if (!isDump) asked.push(`${srb.cdb[0]!.toString(16)} ${pathId}.${targetId}.${lun}`)
      const end = (status: number): boolean => {
        srb.srbStatus = status
        port.notificationRequestComplete(extension, block)
        return false
      }
      const hasTarget = [disk, other].some((one) => one?.pathId === pathId && one.targetId === targetId)
      if (srb.cdb[0] === REPORT_LUNS && hasTarget && luns !== undefined) {
        if (luns === null) return end(INVALID_REQUEST)
        const { view } = port.dereference(gva(srb.dataBuffer), srb.dataTransferLength)
        view.setUint32(0, luns.length * 8)
        luns.forEach((one, index) => {
          if (8 + index * 8 < srb.dataTransferLength) view.setUint8(8 + index * 8 + 1, one)
        })
        return end(1)
      }
      if (isAt(srb, other) && srb.cdb[0] === INQUIRY) {
        port.dereference(gva(srb.dataBuffer), 36).view.setUint8(0, 0x05)
        return end(1)
      }
      if (!isAt(srb, disk)) return end(absent)
      srb.pathId = 0
      srb.targetId = 0
      srb.lun = 0
      return data.hwBuildIo!(extension, block)
    },
  })
  return bad(moved)
}

const at = (pathId: number, targetId: number, lun: number): ScsiPlace => ({ pathId, targetId, lun })

it.each<[what: string, adapter: Adapter]>([
  ['a target after the first', { targets: 3, disk: at(0, 1, 0) }],
  ['a bus after the first', { buses: 2, targets: 2, disk: at(1, 1, 0), absent: 8 }],
  [
    'a unit after the first, which REPORT LUNS lists',
    { units: 8, luns: [0, 3], disk: at(0, 0, 3), other: at(0, 0, 0) },
  ],
  [
    'a unit after the first, which is asked for one by one',
    { units: 8, luns: null, disk: at(0, 0, 2), other: at(0, 0, 0), absent: 0x20 },
  ],
  ['the only unit that REPORT LUNS lists', { units: 8, luns: [5], disk: at(0, 0, 5) }],
  [
    'a target after a device that is no disk',
    { targets: 2, disk: at(0, 1, 0), other: at(0, 0, 0), luns: [0] },
  ],
])('finds its disk at %s, and the dump goes there', (_what, options) => {
  const miniport = adapter(options)
  const { crashed, report } = dumpWith(miniport, { runtimeMiniport: miniport })
  expect(crashed.runtime.place).toEqual(options.disk)
  expect(report).toMatchObject({ finalStatus: 0, violations: [] })
  const found = bytesOnDisk(crashed, PLAN.byteLength)
  expect(Buffer.compare(found, bytesOfPlan(crashed, PLAN))).toBe(0)
})

it('asks no place beyond what the miniport announces, and none after the disk', () => {
  const asked: string[] = []
  startRuntimeStack({
    ...testMachine(),
    miniport: adapter({ buses: 2, targets: 2, disk: at(0, 1, 0) }, asked),
  })
  expect(asked.slice(0, 4)).toEqual(['a0 0.0.0', '12 0.0.0', 'a0 0.1.0', '12 0.1.0'])
  expect(asked.slice(4).every((one) => one.endsWith('0.1.0'))).toBe(true)
  const nothing: string[] = []
  expect(() =>
    startRuntimeStack({
      ...testMachine(),
      miniport: adapter({ buses: 2, targets: 3, units: 8, disk: null }, nothing),
    }),
  ).toThrow('storahci.sys has no disk at any of 6 places that a bus scan asked')
  expect(nothing).toHaveLength(12)
})

it('offers eight targets of eight units where the miniport sets neither', () => {
  let offered: number[] = []
  const miniport = bad((data) => ({
    hwFindAdapter: (extension, context, bus, argument, block) => {
      const config = PortConfigurationInformation.at(block.view)
      offered = [config.maximumNumberOfTargets, config.maximumNumberOfLogicalUnits]
      return data.hwFindAdapter(extension, context, bus, argument, block)
    },
  }))
  startRuntimeStack({ ...testMachine(), miniport })
  expect(offered).toEqual([8, 8])
})

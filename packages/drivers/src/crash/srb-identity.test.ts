// An SRB is its address in guest RAM: not the object that a driver happens to hold.
import type { gva } from '@dumpstack/bytes'
import { ScsiRequestBlock } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import { portWith } from '../altered-miniport.ts'
import type { MiniportImage, PortExports } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { bad, dumpWith, PLAN } from './bad-miniports.test-support.ts'
import { bytesOfPlan, bytesOnDisk } from './crash.test-support.ts'

/** Offset of the first SRB pointer in storahci's device extension. */
const SLOT_SRB = 0x80

/** Keeps nothing but addresses: each SRB that goes back to the port is read anew from RAM. */
const byAddress: MiniportImage = {
  ...storahci,
  load: (loaded) => (port, driverObject, registryPath) => {
    const again = (srb: { va: ReturnType<typeof gva> }) => port.dereference(srb.va, ScsiRequestBlock.size)
    const replaced: Partial<PortExports> = {
      notificationRequestComplete: (extension, srb) =>
        port.notificationRequestComplete(extension, again(srb)),
      getScatterGatherList: (extension, srb) => port.getScatterGatherList(extension, again(srb)),
      getSrbExtension: (srb) => port.getSrbExtension(again(srb)),
    }
    return storahci.load(loaded)(portWith(port, replaced), driverObject, registryPath)
  },
}

it('takes an SRB back by its address, in the running system and in dump mode', () => {
  const { crashed, report } = dumpWith(byAddress, { runtimeMiniport: byAddress })
  expect(report).toMatchObject({ finalStatus: 0, violations: [] })
  expect(Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN))).toBe(0)
})

it('follows the SRB pointer in the device extension, wherever it points', () => {
  const { report } = dumpWith(
    bad((data) => ({
      hwStartIo: (extension, srb) => {
        const isTaken = data.hwStartIo(extension, srb)
        extension.view.setBigUint64(SLOT_SRB, 0xffff_dead_0000_1000n, true)
        return isTaken
      },
    })),
  )
  expect(report.secondBugcheck?.code).toBe(0xd1)
  expect(report.secondBugcheck?.parameters[0]).toBe(0xffff_dead_0000_1000n)
  expect(report.violations).toMatchObject([{ rule: 'bugcheck-0xd1', call: 'HwInterrupt' }])
})

it('keeps what it composed for a slot in the SRB extension', () => {
  const { crashed, report } = dumpWith(
    bad((data, { port }) => ({
      hwStartIo: (extension, srb) => {
        // no PRDT entry is left in the header that waits for its slot: nothing may be moved
        const { view } = port.getSrbExtension(srb)
        const isWrite = ScsiRequestBlock.at(srb.view).cdb[0] === 0x2a
        for (let at = 0; isWrite && at <= 0x80; at += 4) {
          if ((view.getUint32(at, true) & 0xffff) === 0x45) view.setUint32(at, 0x45, true)
        }
        return data.hwStartIo(extension, srb)
      },
    })),
  )
  expect(report.finalStatus).not.toBe(0)
  expect(Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN))).not.toBe(0)
})

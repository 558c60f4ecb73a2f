// What the controller moves that the dump port did not ask for, in either direction and wherever it goes.
import { gpa } from '@dumpstack/bytes'
import {
  type DumpModeViolation,
  PortConfigurationInformation,
  SCSI_DMA64_MINIPORT_SUPPORTED,
  ScsiRequestBlock,
} from '@dumpstack/nt'
import { expect, it } from 'vitest'
import { portWith } from '../altered-miniport.ts'
import type { DumpWriteReport } from '../dump-stack.ts'
import type { GuestBlock, HwInitializationData, MiniportImage } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { bad, dumpWith, PLAN } from './bad-miniports.test-support.ts'
import { bytesOfPlan, bytesOnDisk, EXTENTS, PARTITION_OFFSET } from './crash.test-support.ts'

const WRITE_10 = 0x2a
/** Offset of the CDB's block number in an SRB. */
const BLOCK_NUMBER = 0x48 + 2

/** Leaves the HBA alone in HwFindAdapter and HwInitialize and starts with its first SRB, a while later. */
const lateReset: MiniportImage = {
  ...storahci,
  load: (loaded) => (port, driverObject, registryPath) => {
    let uncached: GuestBlock | null = null
    let configuration: GuestBlock | null = null
    let isStarted = false
    const start = (data: HwInitializationData, extension: GuestBlock): void => {
      if (isStarted || configuration === null) return
      isStarted = true
      port.stallExecution(20_000)
      data.hwFindAdapter(extension, null, null, 'dump=1', configuration)
      data.hwInitialize(extension)
    }
    const between = portWith(port, {
      getUncachedExtension: () => uncached,
      initialize: (object, path, data) =>
        port.initialize(object, path, {
          ...data,
          hwFindAdapter: (extension, _context, _bus, _argument, config) => {
            uncached = port.getUncachedExtension(extension, config, 0x2000)
            configuration = config
            const limits = PortConfigurationInformation.at(config.view)
            limits.maximumTransferLength = 0x10000
            limits.numberOfPhysicalBreaks = 0x11
            limits.dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED
            return 1
          },
          hwInitialize: () => true,
          hwInterrupt: (extension) => isStarted && data.hwInterrupt(extension),
          hwBuildIo: (extension, srb) => {
            start(data, extension)
            return data.hwBuildIo!(extension, srb)
          },
        }),
    })
    return storahci.load(loaded)(between, driverObject, registryPath)
  },
}

/** A controller that was not reset interrupts too, which is a note. */
const failures = ({ violations }: DumpWriteReport): readonly DumpModeViolation[] =>
  violations.filter(({ severity }) => severity === 'fail')

it('DM-29: names data of the dead instance that reached the disk because the reset came too late', () => {
  const { report, crashed } = dumpWith(lateReset, { writesInFlight: 4 })
  expect(report.finalStatus).toBe(0)
  expect(failures(report)).toHaveLength(1)
  expect(failures(report)[0]).toMatchObject({
    count: 4,
    rule: 'DM-29',
    call: 'HwInitialize',
    message:
      '0x10000 bytes from physical address 0x100000000 went to disk offset 0x0: a command of the dead instance that was not reset',
  })
  expect(crashed.runtime.inFlight).toBe(4)
})

it('DM-29: names data of the dead instance that reached the page file itself', () => {
  const body = PARTITION_OFFSET + EXTENTS[2]!.partitionOffset + 0x400000
  const { report } = dumpWith(lateReset, {
    inFlight: (runtime) => runtime.write(body, gpa(0x100000000), 0x1000),
  })
  expect(failures(report)).toMatchObject([
    { rule: 'DM-29', message: expect.stringMatching(/went to disk offset 0x2500000: /) },
  ])
})

it('DM-29: names pages of RAM that the dead instance overwrote', () => {
  const { report, crashed } = dumpWith(lateReset, {
    inFlight: (runtime) => {
      for (let i = 0; i < 4; i++) runtime.read(i * 0x10000, gpa(0x910000 + i * 0x10000), 0x10000)
    },
  })
  expect(crashed.machine.evidence.writes.pages.has(0x910 as never)).toBe(true)
  expect(failures(report)).toMatchObject([
    {
      rule: 'DM-29',
      count: 4,
      message:
        '0x10000 bytes from disk offset 0x0 went to physical address 0x910000: a command of the dead instance that was not reset',
    },
  ])
})

it('finds nothing to say about what a reset ended', () => {
  const { report } = dumpWith(storahci, {
    writesInFlight: 4,
    inFlight: (runtime) => runtime.read(0, gpa(0x910000), 0x10000),
  })
  expect(report).toMatchObject({ finalStatus: 0, violations: [] })
})

/** Writes each of the first `count` SRBs of the body elsewhere: `shift` sectors further on. */
const astray = (count: number, shift: number): MiniportImage =>
  bad((data) => {
    let left = count
    return {
      hwBuildIo: (extension, block) => {
        const isWrite = ScsiRequestBlock.at(block.view).cdb[0] === WRITE_10
        if (isWrite && left-- > 0) {
          block.view.setUint32(BLOCK_NUMBER, block.view.getUint32(BLOCK_NUMBER, false) + shift, false)
        }
        return data.hwBuildIo!(extension, block)
      },
    }
  })

it('stray-write: names a write of the dump instance that went elsewhere, inside the page file too', () => {
  const { report } = dumpWith(astray(1, 8))
  expect(report).toMatchObject({
    finalStatus: 0,
    violations: [
      {
        rule: 'stray-write',
        call: 'WRITE',
        message: expect.stringMatching(
          /^0x2000 bytes from physical address 0x\w+ went to disk offset 0x1901000: the SRB asked for 0x1900000 to 0x1902000$/,
        ),
      },
    ],
  })
})

it('counts what has one cause', () => {
  const { report } = dumpWith(astray(30, 8))
  expect(report.violations).toMatchObject([{ rule: 'stray-write', count: 30 }])
})

it('early-completion: a write that is complete before its data has moved is one finding', () => {
  const { report, crashed } = dumpWith(
    bad((data, { port }) => ({
      hwStartIo: (extension, block) => {
        const srb = ScsiRequestBlock.at(block.view)
        const isWrite = srb.cdb[0] === WRITE_10
        const isTaken = data.hwStartIo(extension, block)
        if (isWrite) {
          srb.srbStatus = 1
          port.notificationRequestComplete(extension, block)
        }
        return isTaken
      },
    })),
  )
  expect(Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN))).not.toBe(0)
  const early = report.violations.filter(({ rule }) => rule === 'early-completion')
  expect(early).toMatchObject([{ call: 'RequestComplete', severity: 'fail' }])
  expect(early[0]!.count).toBeGreaterThan(1)
  expect(report.violations.some(({ rule }) => rule === 'DM-29' || rule === 'stray-write')).toBe(false)
})

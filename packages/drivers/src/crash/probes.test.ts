// What a check asks of a miniport beside the dump: resets with and without a request, SHUTDOWN with data in the cache. And
// what the port does about a request that is lost.
import { gva } from '@dumpstack/bytes'
import { ahci, type Fault, virtioBlk } from '@dumpstack/machine'
import { RESENDS_AFTER_RESET, ScsiRequestBlock, SRB_STATUS_BUS_RESET, win10_19041 } from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import { alteredMiniport } from '../altered-miniport.ts'
import type { GuestBlock, HwInitializationData, MiniportImage } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { viostor } from '../miniports/viostor/index.ts'
import { answering, bad, type Change, dumpWith, inInitialize, PLAN } from './bad-miniports.test-support.ts'
import { bytesOfPlan, bytesOnDisk, type CrashOptions, crash, writeDump } from './crash.test-support.ts'

const EXECUTE_SCSI = 0x00
const SHUTDOWN = 0x07
const WRITE_10 = 0x2a
const WRITE_16 = 0x8a
const RESET_BUS = 0x12
const GHC = 0x04
const PxIE = 0x114
const registersOf = (port: Parameters<Change>[1]['port'], extension: GuestBlock) =>
  port.getDeviceBase(extension, 5)!

describe.each([
  [ahci, storahci],
  [virtioBlk, viostor],
] as const)('our miniport of $kind', (model, miniport) => {
  it('breaks no rule under them, with either kind of answer to a bus reset', () => {
    const nods: MiniportImage = alteredMiniport(miniport, (data) => ({ ...data, hwResetBus: () => true }))
    for (const tried of [miniport, nods]) {
      const crashed = crash({ model, miniport: tried, probes: true })
      expect(writeDump(crashed.stack, PLAN)).toMatchObject({ finalStatus: 0, violations: [] })
      expect(Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN))).toBe(0)
    }
  })
})

describe('under probes', () => {
  it.each<[string, string, string, Change]>([
    [
      'DM-37',
      'HwResetBus',
      'touches the controller in HwResetBus',
      (_data, { port }) => ({
        hwResetBus: (extension) => {
          registersOf(port, extension).write32(PxIE, 0)
          return true
        },
      }),
    ],
    [
      'DM-37',
      'SRB_FUNCTION_RESET_BUS',
      'touches the controller for a reset request',
      (data, { port }) => ({
        hwBuildIo: (extension, block) => {
          if (block.view.getUint8(2) === RESET_BUS) registersOf(port, extension).write32(PxIE, 0)
          return data.hwBuildIo!(extension, block)
        },
      }),
    ],
  ])('%s: warns of %s of a miniport that %s, and writes its dump', (rule, call, _what, change) => {
    const { report } = dumpWith(bad(change), { probes: true })
    expect(report).toMatchObject({ finalStatus: 0, violations: [{ rule, call, severity: 'warning' }] })
    expect(dumpWith(bad(change)).report.violations).toEqual([]) // a dump asks none of this
  })

  it('shows the miniport the data of each write, also of the one before SHUTDOWN', () => {
    const shown: boolean[] = []
    const looks = bad((data, { port }) => ({
      hwBuildIo: (extension, block) => {
        const { function: kind, cdb, dataBuffer } = ScsiRequestBlock.at(block.view)
        if (kind === EXECUTE_SCSI && (cdb[0] === WRITE_10 || cdb[0] === WRITE_16))
          shown.push(port.getPhysicalAddress(extension, block, gva(dataBuffer)) !== null)
        return data.hwBuildIo!(extension, block)
      },
    }))
    expect(dumpWith(looks, { probes: true }).report).toMatchObject({ finalStatus: 0, violations: [] })
    expect(shown.length).toBeGreaterThan(3)
    expect(shown).not.toContain(false)
  })

  it('DM-47: warns of a SHUTDOWN that leaves data in the cache of the disk', () => {
    const { report } = dumpWith(bad(answering(SHUTDOWN, 0, 1)), { probes: true })
    expect(report.violations).toMatchObject([{ rule: 'DM-47', call: 'SHUTDOWN', severity: 'warning' }])
  })
})

it('only notes a lock that is taken in a reset, where a dump has gone wrong already', () => {
  const locks = bad((data, { port }) => ({
    hwResetBus: (extension, pathId) => {
      port.releaseSpinLock(extension, port.acquireSpinLock(extension, 'dpc'))
      return data.hwResetBus(extension, pathId)
    },
  }))
  expect(dumpWith(locks, { probes: true }).report).toMatchObject({
    finalStatus: 0,
    violations: [{ rule: 'DM-25', call: 'StorPortAcquireSpinLock', severity: 'note' }],
  })
})

describe('interrupts of the controller', () => {
  const switching = (line: boolean): MiniportImage =>
    bad((data, { port }) => ({
      hwInitialize: (extension) => {
        const isReady = data.hwInitialize(extension)
        const registers = registersOf(port, extension)
        registers.write32(PxIE, line ? 0x7d80_003f : 0)
        registers.write32(GHC, 0x8000_0002)
        return isReady
      },
    }))

  it('DM-18: warns of those that the miniport switches on', () => {
    expect(dumpWith(switching(true)).report).toMatchObject({
      finalStatus: 0,
      violations: [{ rule: 'DM-18', call: 'write of P0IE', severity: 'warning' }],
    })
    expect(dumpWith(switching(false)).report.violations).toEqual([])
  })
})

it('DM-10: warns of a disk that the first request makes ready', () => {
  const late: MiniportImage = bad((data) => {
    let hasStarted = false
    return {
      hwInitialize: () => true,
      hwBuildIo: (extension, block) => {
        if (!hasStarted) hasStarted = data.hwInitialize(extension)
        return data.hwBuildIo!(extension, block)
      },
    }
  })
  const { violations, finalStatus } = dumpWith(late).report
  expect(finalStatus).toBe(0)
  expect(violations).toContainEqual(
    expect.objectContaining({ rule: 'DM-10', call: 'HwInitialize', severity: 'warning' }),
  )
})

describe('lock-state', () => {
  it.each<[string, (port: Parameters<Change>[1]['port'], extension: GuestBlock) => void]>([
    [
      'taken twice',
      (port, extension) => {
        port.acquireSpinLock(extension, 'interrupt')
        port.acquireSpinLock(extension, 'interrupt')
      },
    ],
    ['released and not held', (port, extension) => port.releaseSpinLock(extension, null)],
    [
      'released twice',
      (port, extension) => {
        const held = port.acquireSpinLock(extension, 'interrupt')
        port.releaseSpinLock(extension, held)
        port.releaseSpinLock(extension, held)
      },
    ],
  ])('names a lock that is %s', (_what, misuse) => {
    const { report } = dumpWith(bad(inInitialize(({ port }, extension) => misuse(port, extension))))
    expect(report).toMatchObject({ finalStatus: 0, violations: [{ rule: 'lock-state', severity: 'fail' }] })
  })
})

describe('stray-memory', () => {
  /** Writes `byteLength` bytes from the end of a block on, as a copy that is too long does. */
  const past = (block: GuestBlock, byteLength: number, port: Parameters<Change>[1]['port']): void => {
    const end = port.dereference((block.va + BigInt(block.view.byteLength)) as GuestBlock['va'], byteLength)
    for (let i = 0; i < byteLength; i++) end.view.setUint8(i, 0x11)
  }
  const writesPast = (of: 'extension' | 'srb'): MiniportImage =>
    bad((data: HwInitializationData, { port }) => ({
      hwStartIo: (extension, block) => {
        past(of === 'extension' ? extension : port.getSrbExtension(block), 4, port)
        return data.hwStartIo(extension, block)
      },
    }))

  it.each([
    ['device extension', 'extension'],
    ['SRB extension', 'srb'],
  ] as const)('names the routine that writes past the end of the %s', (name, of) => {
    expect(dumpWith(writesPast(of)).report.violations).toMatchObject([
      {
        rule: 'stray-memory',
        call: 'HwStartIo',
        message: expect.stringMatching(
          new RegExp(
            `^HwStartIo wrote past the end of the ${name} of 0x\\w+ bytes, at 0x\\w+: 0x11111111, which was 0xa5a5a5a5$`,
          ),
        ),
      },
    ])
  })
})

it('early-completion: warns of a reset that completes what the controller still runs', () => {
  let current: GuestBlock | null = null
  const completes = bad((data, { port }) => ({
    hwStartIo: (extension, block) => {
      current = block
      return data.hwStartIo(extension, block)
    },
    hwResetBus: (extension) => {
      const srb = ScsiRequestBlock.at(current!.view)
      srb.srbStatus = SRB_STATUS_BUS_RESET
      port.notificationRequestComplete(extension, current!)
      return true
    },
  }))
  const { report } = dumpWith(completes, { probes: true })
  expect(report.violations[0]).toMatchObject({ rule: 'early-completion', severity: 'warning' })
  expect(report.violations.filter(({ rule }) => rule === 'DM-29' || rule === 'stray-write')).toEqual([])
})

describe('a request that is lost', () => {
  const fault: Fault = { kind: 'lostCompletion', controller: 'ahci0', afterWrites: 2, count: 1 }
  const before: Pick<CrashOptions, 'before'> = { before: ({ machine }) => machine.faults.add(fault) }
  const classic = { ...win10_19041, lostRequest: RESENDS_AFTER_RESET }
  /** Loses one write, and ends it in the reset with SRB_STATUS_BUS_RESET, as drivers of 2003 did. */
  const endsInReset: MiniportImage = bad((data, { port }) => {
    let writes = 0
    let lost: GuestBlock | null = null
    return {
      hwBuildIo: (extension, block) => {
        const isWrite = ScsiRequestBlock.at(block.view).cdb[0] === 0x2a
        if (!isWrite || ++writes !== 3) return data.hwBuildIo!(extension, block)
        lost = block
        return true
      },
      hwStartIo: (extension, block) => lost !== null || data.hwStartIo(extension, block),
      hwResetBus: (extension) => {
        if (lost === null) return true
        ScsiRequestBlock.at(lost.view).srbStatus = SRB_STATUS_BUS_RESET
        port.notificationRequestComplete(extension, lost)
        lost = null
        return true
      },
    }
  })

  it('ends the dump where the port gives up, and the miniport that ignores the reset is told which port would not', () => {
    const { report } = dumpWith(
      bad(() => ({})),
      before,
    )
    expect(report).toMatchObject({
      finalStatus: 0xc000_00b5,
      violations: [
        {
          rule: 'DM-37',
          call: 'HwResetBus',
          severity: 'note',
          message:
            'HwResetBus left WRITE pending, which has not ended: this port gives up, that of Windows Server 2003 waits for it for ever',
        },
      ],
    })
  })

  it('is waited for without an end by the port of 2003 where the miniport keeps it', () => {
    const { report } = dumpWith(
      bad(() => ({})),
      { ...before, profile: classic },
    )
    expect(report).toMatchObject({
      finalStatus: 0xc000_00b5,
      violations: [{ rule: 'DM-37', severity: 'fail' }],
    })
  })

  it('is sent again by the port of 2003 where the reset ends it: 18 s after the first time', () => {
    const { report, crashed } = dumpWith(endsInReset, { profile: classic })
    expect(report.finalStatus).toBe(0)
    expect(Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN))).toBe(0)
    expect(Math.floor(crashed.machine.nowNs / 1e9)).toBe(18)
    expect(report.violations).toMatchObject([
      { rule: 'request-timeout', call: 'WRITE', severity: 'warning', count: 1 },
    ])
  })

  it('is no matter of the miniport where the device lost its end', () => {
    const planned: CrashOptions = {
      profile: classic,
      before: ({ machine }) => machine.faults.add({ ...fault, afterWrites: 1000 }),
    }
    const { report } = dumpWith(endsInReset, planned)
    expect(report).toMatchObject({ finalStatus: 0, violations: [] })
  })
})

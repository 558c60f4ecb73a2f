// Dumps that fail for a reason which the dump port alone can name: it knows what the miniport was asked and what the controller did.
import { pfn } from '@dumpstack/bytes'
import type { Machine } from '@dumpstack/machine'
import { SRB_STATUS_INVALID_REQUEST } from '@dumpstack/nt'
import { SCSIOP_WRITE } from '@dumpstack/registers'
import { expect, it } from 'vitest'
import {
  answering,
  bad,
  type Change,
  dumpWith,
  EXECUTE_SCSI,
  inFindAdapter,
} from './bad-miniports.test-support.ts'
import type { CrashOptions } from './crash.test-support.ts'

it('DM-09: names a miniport whose HwInitialize leaves the rest for later', () => {
  const miniport = bad((_, { port }) => ({
    hwInitialize: (extension) => port.enablePassiveInitialization(extension, () => true),
  }))
  const { report } = dumpWith(miniport)
  expect(report.violations).toMatchObject([{ rule: 'DM-09', call: 'HwInitialize' }])
  expect(report.bytesWritten).toBe(0)
})

it('DM-19: names a miniport that does not see what its controller has reported', () => {
  const { report } = dumpWith(bad(() => ({ hwInterrupt: () => false })))
  expect(report.violations).toMatchObject([{ rule: 'DM-19', call: 'HwInterrupt' }])
  expect(report.violations[0]?.message).toContain('has reported the end of WRITE')
})

it('DM-19: reports no violation where the controller itself is silent', () => {
  const { report } = dumpWith(
    bad(() => ({})),
    {
      before: ({ machine, controller }) =>
        machine.faults.add({ kind: 'lostCompletion', controller: controller.name, afterWrites: 0 }),
    },
  )
  expect(report.finalStatus).not.toBe(0)
  expect(report.violations).toMatchObject([{ rule: 'DM-37', severity: 'note' }])
})

it('DM-42: names a write inside the disk that is refused', () => {
  const { report } = dumpWith(bad(answering(EXECUTE_SCSI, SCSIOP_WRITE, SRB_STATUS_INVALID_REQUEST)))
  expect(report.violations).toMatchObject([{ rule: 'DM-42', call: 'WRITE' }])
})

it('names memory that the controller was given from its reset on, at the write that gave it', () => {
  let machine: Machine | null = null
  const told = (when: string): void => {
    machine?.evidence.onOverlap?.('ahci0', `a list overlaps a table, ${when}`)
    machine?.evidence.onStore?.('ahci0', `wrote to a ring, ${when}`, pfn(1))
  }
  const early: Change = (data, alteration) => ({
    ...inFindAdapter(() => told('while the dead instance owns it'))(data, alteration),
    hwStartIo: (extension, srb) => {
      told('in a request')
      return data.hwStartIo(extension, srb)
    },
  })
  const before: CrashOptions['before'] = (crashed) => {
    machine = crashed.machine
  }
  const { report } = dumpWith(bad(early), { before })
  expect(report.violations).toMatchObject([
    {
      rule: 'device-memory',
      call: 'HwStartIo',
      severity: 'warning',
      message: 'HwStartIo wrote to a ring, in a request',
    },
    { rule: 'memory-overlap', call: 'write of P0CI', message: 'a list overlaps a table, in a request' },
  ])
})

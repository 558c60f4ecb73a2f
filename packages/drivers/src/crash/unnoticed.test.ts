// Dumps that fail for a reason which the dump port alone can name: it knows what the miniport was asked and what the controller did.
import { SRB_STATUS_INVALID_REQUEST } from '@dumpstack/nt'
import { SCSIOP_WRITE } from '@dumpstack/registers'
import { expect, it } from 'vitest'
import { answering, bad, dumpWith, EXECUTE_SCSI } from './bad-miniports.test-support.ts'

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

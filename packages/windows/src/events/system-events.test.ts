// Expected texts and fields are those of event exports from systems in the field.
import { expect, it } from 'vitest'
import * as events from './system-events.ts'

const bugcheck = { code: 0xe2, parameters: [0n, 0xffff_f804_0000_1000n, 0n, 0n] } as const

it('event 41 gives the code in decimal and the parameters in hexadecimal, zero without a dump', () => {
  expect(events.rebootedWithoutShutdown(1, bugcheck)).toMatchObject({
    id: 41,
    source: 'Microsoft-Windows-Kernel-Power',
    fields: { BugcheckCode: '226', BugcheckParameter2: '0xfffff80400001000' },
  })
  expect(events.rebootedWithoutShutdown(1, null).fields).toMatchObject({
    BugcheckCode: '0',
    BugcheckParameter1: '0x0',
  })
})

// covers: KIT-70
it('event 1001 says bugcheck, parameters and where the dump is', () => {
  const { id, source, eventSourceName, text } = events.bugcheckSaved(1, bugcheck, 'C:\\Windows\\MEMORY.DMP')
  expect([id, source, eventSourceName]).toEqual([
    1001,
    'Microsoft-Windows-WER-SystemErrorReporting',
    'BugCheck',
  ])
  expect(text).toBe(
    'The computer has rebooted from a bugcheck.  The bugcheck was: 0x000000e2 (0x0000000000000000, 0xfffff80400001000, 0x0000000000000000, 0x0000000000000000). A dump was saved in: C:\\Windows\\MEMORY.DMP.',
  )
})

it('event 6008 says when the system was last seen', () => {
  const { id, text } = events.unexpectedShutdown(9, Date.UTC(2024, 0, 1, 0, 1, 20))
  expect([id, text]).toEqual([6008, 'The previous system shutdown at 00:01:20 on 2024-01-01 was unexpected.'])
})

it('event 161 carries progress and status', () => {
  expect(events.dumpCreationFailed(1, 0xc00000b5).fields).toEqual({
    BugCheckProgress: '0x00000053',
    Status: '0xc00000b5',
  })
})

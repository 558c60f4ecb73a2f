// The events that a crash, its dump and the restart leave in the System log: ids by the public ntiologc.h for volmgr,
// texts and fields as systems in the field show them.

import type { Bugcheck } from '@dumpstack/nt'
import type { SystemEvent } from '@dumpstack/target'

const hex8 = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`
const hex16 = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`

/** Its provider has a name of old beside its own: <Provider Name="Microsoft-Windows-WER-SystemErrorReporting" EventSourceName="BugCheck">. */
const BUG_CHECK = {
  source: 'Microsoft-Windows-WER-SystemErrorReporting',
  eventSourceName: 'BugCheck',
} as const

/** IO_DUMP_INITIALIZATION_FAILURE: no page file at all. */
export const dumpInitializationFailed = (at: number): SystemEvent => ({
  id: 46,
  source: 'volmgr',
  at,
  text: 'Crash dump initialization failed!',
  fields: {},
})

/** IO_DUMP_PAGE_CONFIG_FAILED: the page file is too small for the configured dump. */
export const pageFileConfigurationFailed = (at: number): SystemEvent => ({
  id: 49,
  source: 'volmgr',
  at,
  text: 'Configuring the Page file for crash dump failed. Make sure there is a page file on the boot partition and that is large enough to contain all physical memory.',
  fields: {},
})

/** unverified: the list of progress codes is not published; this one is seen in the field for a failed write. */
const BUGCHECK_PROGRESS = 0x53

/** IO_ERROR_DUMP_CREATION_ERROR, logged at the start after the crash. */
export const dumpCreationFailed = (at: number, status: number): SystemEvent => ({
  id: 161,
  source: 'volmgr',
  at,
  text: `Dump file creation failed due to error during dump creation. BugCheckProgress was: ${hex8(BUGCHECK_PROGRESS)}`,
  fields: { BugCheckProgress: hex8(BUGCHECK_PROGRESS), Status: hex8(status >>> 0) },
})

/** IO_DUMP_CREATION_SUCCESS. The spelling is Windows' own. */
export const dumpCreationSucceeded = (at: number): SystemEvent => ({
  id: 162,
  source: 'volmgr',
  at,
  text: 'Dump file generation succeded.',
  fields: {},
})

/** Kernel-Power: BugcheckCode is decimal, parameters are hexadecimal; all zero where no dump was configured. */
export function rebootedWithoutShutdown(at: number, bugcheck: Bugcheck | null): SystemEvent {
  const parameters = bugcheck?.parameters ?? [0n, 0n, 0n, 0n]
  return {
    id: 41,
    source: 'Microsoft-Windows-Kernel-Power',
    at,
    text: 'The system has rebooted without cleanly shutting down first. This error could be caused if the system stopped responding, crashed, or lost power unexpectedly.',
    fields: {
      BugcheckCode: String(bugcheck?.code ?? 0),
      BugcheckParameter1: `0x${parameters[0].toString(16)}`,
      BugcheckParameter2: `0x${parameters[1].toString(16)}`,
      BugcheckParameter3: `0x${parameters[2].toString(16)}`,
      BugcheckParameter4: `0x${parameters[3].toString(16)}`,
      SleepInProgress: '0',
      PowerButtonTimestamp: '0',
    },
  }
}

/** EventLog: the time is that of the last sign of life. */
export function unexpectedShutdown(at: number, stoppedAt: number): SystemEvent {
  const stopped = new Date(stoppedAt).toISOString()
  const date = stopped.slice(0, 10)
  const time = stopped.slice(11, 19)
  return {
    id: 6008,
    source: 'EventLog',
    at,
    text: `The previous system shutdown at ${time} on ${date} was unexpected.`,
    fields: { Time: time, Date: date },
  }
}

/** Written by WerFault once the dump has its final name. */
export function bugcheckSaved(at: number, bugcheck: Bugcheck, dumpFile: string): SystemEvent {
  const parameters = bugcheck.parameters.map(hex16).join(', ')
  return {
    id: 1001,
    ...BUG_CHECK,
    at,
    text: `The computer has rebooted from a bugcheck.  The bugcheck was: ${hex8(bugcheck.code)} (${parameters}). A dump was saved in: ${dumpFile}.`,
    fields: { param1: `${hex8(bugcheck.code)} (${parameters})`, param2: dumpFile },
  }
}

/** unverified: id and text are from field reports of Windows 10; a client with less than 25 GB free settles them. */
export const dumpDeleted = (at: number, dumpFile: string): SystemEvent => ({
  id: 1018,
  ...BUG_CHECK,
  at,
  text: `The dump file at location: ${dumpFile} was deleted because the disk volume had less than 25 GB free disk space.`,
  fields: { param1: dumpFile, param2: '25' },
})

// What a process and a thread begin with and are named by, alike in every build for x64 (wdm.h, winternl.h).
import { defineStruct, struct, u8, u32, u64 } from '@dumpstack/bytes'
import { ListEntry } from './list.ts'

export const DispatcherHeader = defineStruct('_DISPATCHER_HEADER', 0x18, {
  type: u8(0x00),
  size: u8(0x02),
  signalState: u32(0x04),
  waitListHead: struct(0x08, ListEntry),
})

/** KOBJECTS: DISPATCHER_HEADER.Type of a process and of a thread. */
export const ProcessObject = 3
export const ThreadObject = 6

/** KTHREAD_STATE */
export const KthreadState = {
  Initialized: 0,
  Ready: 1,
  Running: 2,
  Standby: 3,
  Terminated: 4,
  Waiting: 5,
} as const

export const ClientId = defineStruct('_CLIENT_ID', 0x10, { uniqueProcess: u64(0), uniqueThread: u64(8) })

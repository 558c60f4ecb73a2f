// Objects that threads wait for, what they begin with, and the calls that they put off: alike in every build for x64 (wdm.h, winternl.h).
import { defineStruct, struct, u8, u32, u64 } from '@dumpstack/bytes'
import { ListEntry } from './list.ts'

export const DispatcherHeader = defineStruct('_DISPATCHER_HEADER', 0x18, {
  type: u8(0x00),
  size: u8(0x02),
  signalState: u32(0x04),
  waitListHead: struct(0x08, ListEntry),
})

/** KOBJECTS: DISPATCHER_HEADER.Type. The types of an event and of a timer have two numbers each: notification, synchronisation. */
export const NotificationEvent = 0
export const SynchronizationEvent = 1
export const ProcessObject = 3
export const SemaphoreObject = 5
export const ThreadObject = 6
export const TimerNotificationObject = 8
export const TimerSynchronizationObject = 9
export const DpcObject = 0x13

export const Kdpc = defineStruct('_KDPC', 0x40, {
  type: u8(0x00),
  importance: u8(0x01),
  deferredRoutine: u64(0x18),
  deferredContext: u64(0x20),
  systemArgument1: u64(0x28),
  systemArgument2: u64(0x30),
  /** Not zero while it is queued. */
  dpcData: u64(0x38),
})

export const Ktimer = defineStruct('_KTIMER', 0x40, {
  header: struct(0x00, DispatcherHeader),
  dueTime: u64(0x18),
  timerListEntry: struct(0x20, ListEntry),
  dpc: u64(0x30),
  processor: u32(0x38),
  /** In milliseconds; 0 of a timer that fires once. */
  period: u32(0x3c),
})

/** Limit is after the header. */
export const Ksemaphore = defineStruct('_KSEMAPHORE', 0x20, {
  header: struct(0x00, DispatcherHeader),
  limit: u32(0x18),
})

/** KLOCK_QUEUE_HANDLE, with which KeAcquireInStackQueuedSpinLock is called. */
export const KlockQueueHandle = defineStruct('_KLOCK_QUEUE_HANDLE', 0x18, {
  next: u64(0x00),
  lock: u64(0x08),
  oldIrql: u8(0x10),
})

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

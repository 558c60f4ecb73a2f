// SCSI_NOTIFICATION_TYPE of storport.h: what a call of StorPortNotification means, and how many arguments it has.
export const NotificationType = {
  RequestComplete: 0,
  NextRequest: 1,
  NextLuRequest: 2,
  ResetDetected: 3,
  RequestTimerCall: 6,
  BusChangeDetected: 7,
  WMIEvent: 8,
  WMIReregister: 9,
  LinkUp: 10,
  LinkDown: 11,
  QueryTickCount: 12,
  BufferOverrunDetected: 13,
  TraceNotification: 14,
  GetExtendedFunctionTable: 15,
  EnablePassiveInitialization: 0x1000,
  InitializeDpc: 0x1001,
  IssueDpc: 0x1002,
  AcquireSpinLock: 0x1003,
  ReleaseSpinLock: 0x1004,
  StateChangeDetectedCall: 0x1005,
  IoTargetRequestServiceTime: 0x1006,
  AsyncNotificationDetected: 0x1007,
  RequestDirectComplete: 0x1008,
  InitializeDpcWithContext: 0x1009,
  InitializeThreadedDpc: 0x100a,
  SetTargetProcessorDpc: 0x100b,
  MarkDeviceFailed: 0x100c,
  MarkDeviceFailedEx: 0x100d,
  TerminateSystemThread: 0x100e,
} as const
type NotificationTypeName = keyof typeof NotificationType

/** With type and device extension; as many as are documented. */
const ARGUMENT_COUNTS: Readonly<Record<NotificationTypeName, number>> = {
  RequestComplete: 3,
  NextRequest: 2,
  NextLuRequest: 5,
  ResetDetected: 2,
  RequestTimerCall: 4,
  BusChangeDetected: 3,
  WMIEvent: 4,
  WMIReregister: 3,
  LinkUp: 2,
  LinkDown: 2,
  QueryTickCount: 3,
  BufferOverrunDetected: 2,
  TraceNotification: 4,
  GetExtendedFunctionTable: 3,
  EnablePassiveInitialization: 4,
  InitializeDpc: 4,
  IssueDpc: 6,
  AcquireSpinLock: 5,
  ReleaseSpinLock: 3,
  StateChangeDetectedCall: 8,
  IoTargetRequestServiceTime: 4,
  AsyncNotificationDetected: 5,
  RequestDirectComplete: 3,
  InitializeDpcWithContext: 5,
  InitializeThreadedDpc: 4,
  SetTargetProcessorDpc: 4,
  MarkDeviceFailed: 5,
  MarkDeviceFailedEx: 6,
  TerminateSystemThread: 3,
}

export interface CallMeaning {
  readonly name: string
  readonly argumentCount: number
}

const MEANINGS = new Map(
  Object.entries(NotificationType).map(([name, type]): [number, CallMeaning] => {
    const known = name as NotificationTypeName // the keys of NotificationType
    return [type, { name, argumentCount: ARGUMENT_COUNTS[known] }]
  }),
)

/** What `NotificationType`, the first argument, stands for; null for a type that no header names. */
export const notificationMeaning = (type: number): CallMeaning | null => MEANINGS.get(type) ?? null

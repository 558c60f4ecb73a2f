// SCSI_NOTIFICATION_TYPE of storport.h: what a call of StorPortNotification means, and how many arguments it has.
export const NotificationType = {
  RequestComplete: 0,
  ResetDetected: 3,
  RequestTimerCall: 6,
  QueryTickCount: 12,
  EnablePassiveInitialization: 0x1000,
  InitializeDpc: 0x1001,
  IssueDpc: 0x1002,
  AcquireSpinLock: 0x1003,
  ReleaseSpinLock: 0x1004,
} as const
export type NotificationTypeName = keyof typeof NotificationType

/** With type and device extension. */
const ARGUMENT_COUNTS: Readonly<Record<NotificationTypeName, number>> = {
  RequestComplete: 3,
  ResetDetected: 2,
  RequestTimerCall: 4,
  QueryTickCount: 3,
  EnablePassiveInitialization: 4,
  InitializeDpc: 4,
  IssueDpc: 5,
  AcquireSpinLock: 5,
  ReleaseSpinLock: 3,
}

export interface NotificationMeaning {
  readonly name: NotificationTypeName
  readonly argumentCount: number
}

const MEANINGS = new Map(
  Object.entries(NotificationType).map(([name, type]): [number, NotificationMeaning] => {
    const known = name as NotificationTypeName // the keys of NotificationType
    return [type, { name: known, argumentCount: ARGUMENT_COUNTS[known] }]
  }),
)

/** What `NotificationType`, the first argument, stands for; null for a type that is not modelled. */
export const notificationMeaning = (type: number): NotificationMeaning | null => MEANINGS.get(type) ?? null

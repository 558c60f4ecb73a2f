// StorPortNotification: one routine with many meanings and a variable list of arguments (SCSI_NOTIFICATION_TYPE of storport.h).
import { gva, hex } from '@dumpstack/bytes'
import { NotJudged } from '../../guest-fault.ts'
import { DISPATCH_LEVEL, PASSIVE_LEVEL } from '../../irql.ts'
import type { LockKind } from '../../miniport.ts'
import type { CallFrame } from '../call-frame.ts'
import { NotificationType, notificationMeaning } from '../notification-type.ts'
import { type ExportFamily, exported, NOTHING } from './export.ts'
import { acquireLock, releaseLock } from './locks.ts'

// STOR_SPINLOCK
const LOCKS: Readonly<Record<number, LockKind>> = { 1: 'dpc', 2: 'startIo', 3: 'interrupt' }
/** 100 ns in a clock tick of 15.625 ms. */
const TICK = 156_250n

export const NOTIFICATION_EXPORTS: ExportFamily = {
  // (NotificationType, HwDeviceExtension, ...)
  StorPortNotification: exported(6, (call) => {
    notify(call)
    return NOTHING
  }),
  ScsiPortNotification: exported(6, (call) => {
    notify(call)
    return NOTHING
  }),
}

function notify(call: CallFrame): void {
  const { instance, port, memory } = call
  const extension = instance.blockAt(call.va(1))
  switch (call.u32(0)) {
    case NotificationType.RequestComplete:
    // unverified: that it takes the same arguments; it skips a queue that this port does not have
    case NotificationType.RequestDirectComplete:
      instance.outstanding.delete(call.va(2))
      port.notificationRequestComplete(extension, instance.blockAt(call.va(2)))
      return
    case NotificationType.RequestTimerCall: {
      const routine = call.va(2)
      port.requestTimer(
        extension,
        () => instance.callBack('HwTimer', routine, [extension.va], DISPATCH_LEVEL),
        call.u32(3),
      )
      return
    }
    case NotificationType.QueryTickCount:
      memory.setU64(call.va(2), port.querySystemTime() / TICK)
      return
    case NotificationType.EnablePassiveInitialization: {
      const routine = call.va(2)
      const isAccepted = port.enablePassiveInitialization(
        extension,
        () =>
          (instance.callBack('HwPassiveInitialize', routine, [extension.va], PASSIVE_LEVEL) & 0xffn) !== 0n,
      )
      // Callers have a LONG_PTR or a BOOLEAN there, which is FALSE.
      memory.setU8(call.va(3), isAccepted ? 1 : 0)
      return
    }
    case NotificationType.InitializeDpc:
    case NotificationType.InitializeThreadedDpc: {
      const dpc = call.va(2)
      const routine = call.va(3)
      const made = port.initializeDpc(extension, () => {
        const [first, second] = instance.dpcArguments.get(dpc) ?? [0n, 0n]
        instance.callBack('HwDpc', routine, [dpc, extension.va, first, second], DISPATCH_LEVEL)
      })
      instance.keepNamed(instance.dpcs, dpc, made, 'DPCs')
      return
    }
    case NotificationType.IssueDpc:
      issueDpc(call)
      return
    case NotificationType.AcquireSpinLock: {
      // (SpinLock, LockContext, LockHandle)
      const spinLock = call.u32(2)
      const handle = call.va(4)
      acquireLock(call, LOCKS[spinLock] ?? 'startIo', handle)
      memory.setU32(handle, spinLock)
      return
    }
    case NotificationType.ReleaseSpinLock: // (LockHandle)
      releaseLock(call, call.va(2))
      return
    case NotificationType.GetExtendedFunctionTable: // (*Table): of ports before Windows 7; drivers take NULL for an older one
      memory.setU64(call.va(2), 0n)
      return
    case NotificationType.NextRequest:
    case NotificationType.NextLuRequest:
    case NotificationType.ResetDetected:
    case NotificationType.BusChangeDetected:
    case NotificationType.WMIEvent:
    case NotificationType.WMIReregister:
    case NotificationType.LinkUp:
    case NotificationType.LinkDown:
    case NotificationType.BufferOverrunDetected:
    case NotificationType.TraceNotification:
    case NotificationType.IoTargetRequestServiceTime:
    case NotificationType.SetTargetProcessorDpc:
    case NotificationType.MarkDeviceFailed:
    case NotificationType.MarkDeviceFailedEx:
      // The port takes note: it has one disk that stays, one processor for DPCs, and a next request when the miniport is ready.
      return
    case NotificationType.StateChangeDetectedCall:
    case NotificationType.AsyncNotificationDetected:
      // Their last argument holds a status, which callers set to STOR_STATUS_NOT_IMPLEMENTED before: it stays.
      return
    default: {
      const type = call.u32(0)
      const name = notificationMeaning(type)?.name ?? hex(type)
      throw new NotJudged(
        'UNKNOWN_IMPORT',
        `${instance.image.baseName} called StorPortNotification(${name}), which is not modelled`,
        { driver: instance.image.baseName, type },
      )
    }
  }
}

function issueDpc(call: CallFrame): void {
  const { instance, port, memory } = call
  const dpc = instance.dpcs.get(call.va(2))
  let isQueued = false
  if (dpc === undefined) {
    // Never initialised: it would run nothing. To a dump port any DPC is one too many.
    if (instance.life === 'dump')
      isQueued = port.issueDpc(instance.blockAt(call.va(1)), { routine: () => {} })
  } else {
    isQueued = port.issueDpc(instance.blockAt(call.va(1)), dpc)
    if (isQueued) instance.dpcArguments.set(call.va(2), [call.u64(3), call.u64(4)])
  }
  const answer = call.va(5)
  if (answer !== gva(0n)) memory.setU8(answer, isQueued ? 1 : 0)
}

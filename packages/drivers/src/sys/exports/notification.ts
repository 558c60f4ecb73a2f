// StorPortNotification: one routine with many meanings and a variable list of arguments (SCSI_NOTIFICATION_TYPE of storport.h).
import { gva } from '@dumpstack/bytes'
import { type ExportFamily, exported, type ImportCall, NOTHING } from '../import-call.ts'
import { NotificationType } from '../notification-type.ts'
import { DEVICE_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL } from '../sys-instance.ts'

// STOR_SPINLOCK
const LOCKS = { 1: 'dpc', 2: 'startIo', 3: 'interrupt' } as const
const LOCK_LEVELS = { dpc: DISPATCH_LEVEL, startIo: DISPATCH_LEVEL, interrupt: DEVICE_LEVEL } as const
/** 100 ns in a clock tick of 15.625 ms. */
const TICK = 156_250n

export const NOTIFICATION_EXPORTS: ExportFamily = {
  // (NotificationType, HwDeviceExtension, ...)
  StorPortNotification: exported(5, (call) => {
    notify(call)
    return NOTHING
  }),
}

function notify(call: ImportCall): void {
  const { instance, port, memory } = call
  const extension = instance.blockAt(call.va(1))
  switch (call.u32(0)) {
    case NotificationType.RequestComplete:
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
    case NotificationType.InitializeDpc: {
      const dpc = call.va(2)
      const routine = call.va(3)
      const made = port.initializeDpc(extension, () => {
        const [first, second] = instance.dpcArguments.get(dpc) ?? [0n, 0n]
        instance.callBack('HwDpc', routine, [dpc, extension.va, first, second], DISPATCH_LEVEL)
      })
      instance.dpcs.set(dpc, made)
      return
    }
    case NotificationType.IssueDpc:
      issueDpc(call)
      return
    case NotificationType.AcquireSpinLock:
      acquire(call)
      return
    case NotificationType.ReleaseSpinLock: {
      const handle = call.va(2)
      const held = instance.locks.get(handle)
      if (held === undefined) return
      instance.locks.delete(handle)
      port.releaseSpinLock(extension, held.lock)
      call.cpu.cr8 = held.irql
      call.machine.interruptsEnabled = held.interruptsEnabled
      return
    }
    default:
      // NextRequest, ResetDetected, BusChangeDetected, TraceNotification and the like: the port takes note and does nothing.
      return
  }
}

function issueDpc(call: ImportCall): void {
  const { instance, port, memory } = call
  const dpc = instance.dpcs.get(call.va(2))
  let isQueued = false
  if (dpc === undefined) {
    // Never initialised: the port's list would be garbage. To a dump port any DPC is one too many.
    isQueued = port.issueDpc(instance.blockAt(call.va(1)), { routine: () => {} })
  } else {
    isQueued = port.issueDpc(instance.blockAt(call.va(1)), dpc)
    if (isQueued) instance.dpcArguments.set(call.va(2), [call.u64(3), call.u64(4)])
  }
  const answer = call.va(5)
  if (answer !== gva(0n)) memory.setU8(answer, isQueued ? 1 : 0)
}

function acquire(call: ImportCall): void {
  const { instance, port, memory, cpu, machine } = call
  const spinLock = call.u32(2)
  const handle = call.va(4)
  const kind = LOCKS[spinLock as keyof typeof LOCKS] ?? 'startIo' // an index that is none of the keys answers undefined
  const lock = port.acquireSpinLock(instance.blockAt(call.va(1)), kind)
  instance.locks.set(handle, { lock, irql: cpu.cr8, interruptsEnabled: machine.interruptsEnabled })
  memory.setU32(handle, spinLock)
  cpu.cr8 = Math.max(cpu.cr8, LOCK_LEVELS[kind])
  if (kind === 'interrupt') machine.interruptsEnabled = false
}

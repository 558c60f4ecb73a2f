// ntoskrnl.exe: levels, and the kernel's spin locks. Signatures and levels as documented for wdm.h. One processor runs drivers, so that a lock
// is never waited for: the port is only told who takes and releases it.
import { type Gva, gva } from '@dumpstack/bytes'
import { KlockQueueHandle } from '@dumpstack/nt'
import { DISPATCH_LEVEL } from '../../irql.ts'
import type { CallFrame } from '../call-frame.ts'
import { asBoolean, type Export, type ExportFamily, exported, FALSE, NOTHING } from './export.ts'

export const SPIN_LOCK_EXPORTS: ExportFamily = {
  KeGetCurrentIrql: exported(0, (call) => BigInt(call.irql)),
  KfRaiseIrql: exported(1, (call) => raise(call, 'KfRaiseIrql', call.u8(0))),
  KeRaiseIrqlToDpcLevel: exported(0, (call) => raise(call, 'KeRaiseIrqlToDpcLevel', DISPATCH_LEVEL)),
  KeLowerIrql: exported(1, (call) => lower(call, 'KeLowerIrql', call.u8(0))),
  KfLowerIrql: exported(1, (call) => lower(call, 'KfLowerIrql', call.u8(0))),
  // (*SpinLock)
  KeInitializeSpinLock: exported(1, (call) => {
    call.memory.setU64(call.va(0), 0n)
    return NOTHING
  }),
  KeAcquireSpinLockRaiseToDpc: raising('KeAcquireSpinLockRaiseToDpc'),
  KeAcquireSpinLockForDpc: raising('KeAcquireSpinLockForDpc'),
  KeAcquireSpinLockAtDpcLevel: exported(1, (call) => take(call, 'KeAcquireSpinLockAtDpcLevel', false)),
  KeTryToAcquireSpinLockAtDpcLevel: exported(1, (call) => {
    const { spinLocks } = call.instance
    if (spinLocks.has(call.va(0))) return FALSE
    take(call, 'KeTryToAcquireSpinLockAtDpcLevel', false)
    return asBoolean(true)
  }),
  KeReleaseSpinLockFromDpcLevel: exported(1, (call) =>
    release(call, 'KeReleaseSpinLockFromDpcLevel', call.va(0)),
  ),
  // (*SpinLock, NewIrql)
  KeReleaseSpinLock: lowering('KeReleaseSpinLock'),
  KeReleaseSpinLockForDpc: lowering('KeReleaseSpinLockForDpc'),
  // (*SpinLock, *KLOCK_QUEUE_HANDLE), (*KLOCK_QUEUE_HANDLE)
  KeAcquireInStackQueuedSpinLock: exported(2, (call) => {
    call.memory.setU8(oldIrqlAt(call.va(1)), call.irql)
    noteLock(call)
    take(call, 'KeAcquireInStackQueuedSpinLock', true)
    return NOTHING
  }),
  KeReleaseInStackQueuedSpinLock: exported(1, (call) => {
    const name = 'KeReleaseInStackQueuedSpinLock'
    release(call, name, notedLock(call))
    return lower(call, name, call.memory.u8(oldIrqlAt(call.va(0))))
  }),
  KeAcquireInStackQueuedSpinLockAtDpcLevel: exported(2, (call) => {
    noteLock(call)
    return take(call, 'KeAcquireInStackQueuedSpinLockAtDpcLevel', false)
  }),
  KeReleaseInStackQueuedSpinLockFromDpcLevel: exported(1, (call) =>
    release(call, 'KeReleaseInStackQueuedSpinLockFromDpcLevel', notedLock(call)),
  ),
}

/** Answers the level before. */
function raising(name: string): Export {
  return exported(1, (call) => {
    const { irql } = call
    take(call, name, true)
    return BigInt(irql)
  })
}

function lowering(name: string): Export {
  return exported(2, (call) => {
    release(call, name, call.va(0))
    return lower(call, name, call.u8(1))
  })
}

/** `toDispatch`: it changes the level; the others are documented for DISPATCH_LEVEL and above. */
function take(call: CallFrame, name: string, toDispatch: boolean): bigint {
  const { instance, port } = call
  const lock = call.va(0)
  port.spinLockTaken(name, instance.spinLocks.has(lock), toDispatch)
  if (toDispatch) call.irql = Math.max(call.irql, DISPATCH_LEVEL)
  const held = { at: call.returnAddress, level: call.irql }
  instance.keepNamed(instance.spinLocks, lock, held, 'spin locks')
  return NOTHING
}

function release({ instance, port }: CallFrame, name: string, lock: Gva): bigint {
  port.spinLockReleased(name, instance.spinLocks.delete(lock))
  return NOTHING
}

const { oldIrql, lock } = KlockQueueHandle.fields
const oldIrqlAt = (handle: Gva): Gva => gva(handle + BigInt(oldIrql.offset))
const lockAt = (handle: Gva): Gva => gva(handle + BigInt(lock.offset))
const noteLock = (call: CallFrame): void => call.memory.setU64(lockAt(call.va(1)), call.u64(0))
const notedLock = (call: CallFrame): Gva => gva(call.memory.u64(lockAt(call.va(0))))

/** To a level that is lower it leads down, on x64 as on the page of KeRaiseIrql a mistake. */
function raise(call: CallFrame, name: string, level: number): bigint {
  const old = call.irql
  if (level < old) call.port.unmask(name, level)
  call.irql = Math.max(old, level)
  return BigInt(old)
}

function lower(call: CallFrame, name: string, level: number): bigint {
  if (level >= call.irql) return NOTHING
  call.port.unmask(name, level)
  call.irql = level
  return NOTHING
}

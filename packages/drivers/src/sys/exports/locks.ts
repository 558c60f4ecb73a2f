// The port's spin locks: what they do to the level and to interrupts of the one processor that runs driver code.

import { DEVICE_LEVEL, DISPATCH_LEVEL } from '../../irql.ts'
import type { LockKind } from '../../miniport.ts'
import type { CallFrame } from '../call-frame.ts'

const LEVELS: Readonly<Record<LockKind, number>> = {
  dpc: DISPATCH_LEVEL,
  startIo: DISPATCH_LEVEL,
  interrupt: DEVICE_LEVEL,
  message: DEVICE_LEVEL,
}

/** Key of the lock of an interrupt message: no STOR_LOCK_HANDLE has such an address. */
export const messageLock = (messageId: number): bigint => -1n - BigInt(messageId)

/** Takes a lock, to be released by the same key; the level before. */
export function acquireLock(call: CallFrame, kind: LockKind, key: bigint): number {
  const { instance, port, irql, interruptsEnabled } = call
  const lock = port.acquireSpinLock(instance.blockAt(call.va(1)), kind)
  const level = Math.max(irql, LEVELS[kind])
  const held = { lock, irql, interruptsEnabled, at: call.returnAddress, level }
  instance.keepNamed(instance.locks, key, held, 'locks')
  call.irql = level
  if (LEVELS[kind] === DEVICE_LEVEL) call.interruptsEnabled = false
  return irql
}

/** For a key that is not held, only the port is told. */
export function releaseLock(call: CallFrame, key: bigint): void {
  const { instance, port } = call
  const held = instance.locks.get(key)
  if (held === undefined) {
    port.releaseSpinLock(instance.blockAt(call.va(1)), null)
    return
  }
  instance.locks.delete(key)
  port.releaseSpinLock(instance.blockAt(call.va(1)), held.lock)
  call.irql = held.irql
  call.interruptsEnabled = held.interruptsEnabled
}

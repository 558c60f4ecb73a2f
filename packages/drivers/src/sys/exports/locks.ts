// The port's spin locks: what they do to the level and to interrupts of the one processor that runs driver code.

import { DEVICE_LEVEL, DISPATCH_LEVEL } from '../../irql.ts'
import type { ImportCall } from '../import-call.ts'

export type LockKind = 'dpc' | 'startIo' | 'interrupt'

const LEVELS: Readonly<Record<LockKind, number>> = {
  dpc: DISPATCH_LEVEL,
  startIo: DISPATCH_LEVEL,
  interrupt: DEVICE_LEVEL,
}

/** Key of the lock of an interrupt message: no STOR_LOCK_HANDLE has such an address. */
export const messageLock = (messageId: number): bigint => -1n - BigInt(messageId)

/** Takes a lock, to be released by the same key; the level before. */
export function acquireLock(call: ImportCall, kind: LockKind, key: bigint): number {
  const { cpu, machine, instance, port } = call
  const irql = cpu.cr8
  const lock = port.acquireSpinLock(instance.blockAt(call.va(1)), kind)
  const held = { lock, irql, interruptsEnabled: machine.interruptsEnabled }
  instance.keepNamed(instance.locks, key, held, 'locks')
  cpu.cr8 = Math.max(irql, LEVELS[kind])
  if (kind === 'interrupt') machine.interruptsEnabled = false
  return irql
}

/** A key that is not held is left alone. */
export function releaseLock(call: ImportCall, key: bigint): void {
  const { cpu, machine, instance, port } = call
  const held = instance.locks.get(key)
  if (held === undefined) return
  instance.locks.delete(key)
  port.releaseSpinLock(instance.blockAt(call.va(1)), held.lock)
  cpu.cr8 = held.irql
  machine.interruptsEnabled = held.interruptsEnabled
}

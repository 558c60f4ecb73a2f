// What is wrong with how a driver takes and releases its locks, in words: the StorPortSpinLock rule of the kit's Static Driver Verifier.
import type { LockKind } from './miniport.ts'

const NAMES: Readonly<Record<LockKind, string>> = {
  startIo: 'StartIoLock',
  dpc: 'DpcLock',
  interrupt: 'the interrupt lock',
  message: 'the lock of an interrupt message',
}

export const lockName = (kind: LockKind): string => NAMES[kind]

/** There is one of them; of the others there are several. */
export const isSingle = (kind: LockKind): boolean => kind === 'startIo' || kind === 'interrupt'

/** `where`: ` in HwStartIo`, or empty. */
export const takenAgain = (lock: string, where: string): string =>
  `${lock} was taken${where} while it was held: its holder waits for itself`

export const takenFromPort = (lock: string): string =>
  `${lock} was taken in a routine that the port calls with it: its holder waits for itself`

export const wrongOrder = (lock: string): string =>
  `${lock} was taken while the interrupt lock was held, expected before that`

export const notHeld = (where: string): string => `a lock was released${where} that is not held`

export const stillHeld = (routine: string): string =>
  `a lock that ${routine} has taken is held when it has returned`

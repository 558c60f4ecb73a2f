// How the files of a run folder's lock are called. Without the lock itself: who only reads a folder does without it.

export const LOCK = 'run.lock'
/** One that took over, or, with an ending, one that is written before it is linked to its place. */
const LATER_LOCK = /^run\.lock\.[0-9a-f]{32}(\.tmp)?$/

export const isLaterLock = (name: string): boolean => LATER_LOCK.test(name)
/** No part of what a run makes, and no obstacle to one. */
export const isLockName = (name: string): boolean => name === LOCK || isLaterLock(name)

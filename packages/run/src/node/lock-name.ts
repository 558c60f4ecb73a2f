/** The lock of a run folder: no part of what a run makes, and no obstacle to one. */
export const isLockName = (name: string): boolean => name === 'run.lock' || name.startsWith('run.lock.')

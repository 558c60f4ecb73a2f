// Interrupt request levels as drivers meet them; their numbers and names are Windows knowledge (nt).
export { DISPATCH_LEVEL, HIGH_LEVEL, irqlText, PASSIVE_LEVEL } from '@dumpstack/nt'

/** Of the controller's interrupt; unverified: Windows assigns it, drivers only see that it is above DISPATCH_LEVEL. */
export const DEVICE_LEVEL = 5

import type { Profile } from './profile.ts'
import { win10_19041 } from './win10-19041/profile.ts'

export type { KernelLayouts } from './layouts.ts'
export { type LostRequest, RESENDS_AFTER_RESET } from './lost-request.ts'
export * from './profile.ts'
export type { StackRow } from './stack-row.ts'
export { win10_19041 } from './win10-19041/profile.ts'
export const PROFILES: readonly Profile[] = [win10_19041]

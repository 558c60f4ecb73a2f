import { findProfile, type Profile } from './profile.ts'
import { win10_19041 } from './win10-19041.ts'

export * from './profile.ts'
export type { StackRow } from './stack-row.ts'
export const PROFILES: readonly Profile[] = [win10_19041]
export const DEFAULT_PROFILE: Profile = win10_19041
/** Throws ProfileError PROFILE_UNKNOWN. */
export const profileNamed = (name: string): Profile => findProfile(PROFILES, name)

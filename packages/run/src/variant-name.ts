// The name of a scenario's variant, which is that of a folder too.
import type { Facts } from '@dumpstack/target'

/** Null where the scenario has one. Throws TargetError RUN_FOLDER_CORRUPT for a text that is no plain name. */
export function variantOf(facts: Facts): string | null {
  const variant = facts.optionalString('variant')
  if (variant !== null && !/^[a-z0-9-]{1,64}$/.test(variant))
    throw facts.wrong('variant', variant, 'a plain name')
  return variant
}

/** The name in the folder of a run of what lies in the place of a variant. */
export const inVariant = (variant: string | null, name: string): string =>
  variant === null ? name : `${variant}/${name}`

// The names that a run gives to what it makes.
/** In the folder itself. */
const RECORD = /^(journal\.jsonl|crashdumptest\.log|result\.json|state\.json|report\.html)(\.tmp)?$/
/** In the folder of a variant, or in the one folder of a run without variants. */
const IN_PLACE =
  /^(disk\.img|(disk|extents)\.json|calls(-setup(-\d{1,4})?)?\.bin|C(\/.+)?|symbols(\/[^/]+)?|(full|kernel|mini)(\/[^/]+)?)$/s

export const isRecord = (name: string): boolean => RECORD.test(name)
export const isInPlace = (name: string): boolean => IN_PLACE.test(name)

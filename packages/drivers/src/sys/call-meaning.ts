// StorPortNotification and StorPortExtendedFunction are many calls behind one export each: their first argument says which.
import { extendedFunctionMeaning } from './extended-function.ts'
import { type CallMeaning, notificationMeaning } from './notification-type.ts'

const MEANINGS: ReadonlyMap<string, (code: number) => CallMeaning | null> = new Map([
  ['StorPortNotification', notificationMeaning],
  ['StorPortExtendedFunction', extendedFunctionMeaning],
])
const CODE_MASK = 0xffffffffn

/** Null for any other export, and for a code that no header names. */
export const callMeaning = (name: string, first: bigint): CallMeaning | null =>
  MEANINGS.get(name)?.(Number(first & CODE_MASK)) ?? null

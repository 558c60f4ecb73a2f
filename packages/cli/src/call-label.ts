// A call as lists name it: StorPortNotification and StorPortExtendedFunction are many calls behind one export, and their first argument
// says which.
import { hex } from '@dumpstack/bytes'
import {
  type CallEvent,
  type CallMeaning,
  extendedFunctionMeaning,
  notificationMeaning,
} from '@dumpstack/drivers'

export interface CallLabel {
  /** What the call stands for by its first argument: `RequestComplete`; null where that is its name. */
  readonly meaning: string | null
  /** As many as the call has. */
  readonly args: readonly string[]
}

const MEANINGS: ReadonlyMap<string, (code: number) => CallMeaning | null> = new Map([
  ['StorPortNotification', notificationMeaning],
  ['StorPortExtendedFunction', extendedFunctionMeaning],
])
const TYPE_MASK = 0xffffffffn

export function callLabel({ name, args }: Extract<CallEvent, { readonly kind: 'call' }>): CallLabel {
  const known = args[0] === undefined ? undefined : MEANINGS.get(name)?.(Number(args[0] & TYPE_MASK))
  const shown = args.slice(0, known?.argumentCount).map((value) => hex(value))
  if (known === undefined || known === null) return { meaning: null, args: shown }
  return { meaning: known.name, args: [known.name, ...shown.slice(1)] }
}

// A call as lists name it: StorPortNotification is many calls behind one export, and its first argument says which.
import { hex } from '@dumpstack/bytes'
import { type CallEvent, notificationMeaning } from '@dumpstack/drivers'

export interface CallLabel {
  /** What the call stands for by its first argument: `RequestComplete`; null where that is its name. */
  readonly meaning: string | null
  /** As many as the call has. */
  readonly args: readonly string[]
}

const NOTIFICATION = 'StorPortNotification'
const TYPE_MASK = 0xffffffffn

export function callLabel({ name, args }: Extract<CallEvent, { readonly kind: 'call' }>): CallLabel {
  const known =
    name === NOTIFICATION && args[0] !== undefined ? notificationMeaning(Number(args[0] & TYPE_MASK)) : null
  const shown = args.slice(0, known?.argumentCount).map((value) => hex(value))
  if (known === null) return { meaning: null, args: shown }
  return { meaning: known.name, args: [known.name, ...shown.slice(1)] }
}

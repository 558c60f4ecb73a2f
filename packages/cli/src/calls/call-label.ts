// A call as lists name it: one of those that share an export by what it means.
import { hex } from '@dumpstack/bytes'
import { type CallEvent, callMeaning } from '@dumpstack/drivers'

export interface CallLabel {
  /** What the call stands for by its first argument: `RequestComplete`; null where that is its name. */
  readonly meaning: string | null
  /** As many as the call has. */
  readonly args: readonly string[]
}

export function callLabel({ name, args }: Extract<CallEvent, { readonly kind: 'call' }>): CallLabel {
  const known = args[0] === undefined ? null : callMeaning(name, args[0])
  const shown = args.slice(0, known?.argumentCount).map((value) => hex(value))
  if (known === null) return { meaning: null, args: shown }
  return { meaning: known.name, args: [known.name, ...shown.slice(1)] }
}

// A register as lists name it: `BAR5+0x118` and, where a specification has a name, `P0CMD`.
import { hex } from '@dumpstack/bytes'
import type { CallEvent } from '@dumpstack/drivers'
import { CONTROLLERS } from '@dumpstack/machine'

export interface RegisterLabel {
  readonly place: string
  readonly name: string | null
}

export function registerLabel({
  window,
  offset,
}: Pick<Extract<CallEvent, { readonly kind: 'access' }>, 'window' | 'offset'>): RegisterLabel {
  if (window === null) return { place: hex(offset), name: null }
  const model = CONTROLLERS.find(({ kind }) => kind === window.model)
  const name = model?.registerName(window.bar, offset) ?? null
  return { place: `BAR${window.bar}+${hex(offset)}`, name }
}

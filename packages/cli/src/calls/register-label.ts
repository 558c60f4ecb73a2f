// A register as lists name it: `BAR5+0x118` and, where a specification has a name, `P0CMD`.
import { hex } from '@dumpstack/bytes'
import type { CallEvent } from '@dumpstack/drivers'
import { registerName } from '@dumpstack/registers'

export interface RegisterLabel {
  readonly place: string
  readonly name: string | null
}

export function registerLabel({
  window,
  offset,
}: Pick<Extract<CallEvent, { readonly kind: 'access' }>, 'window' | 'offset'>): RegisterLabel {
  if (window === null) return { place: hex(offset), name: null }
  const found = window.structures.find(({ at, byteLength }) => offset >= at && offset < at + byteLength)
  const name = found === undefined ? null : registerName(found.structure, offset - found.at)
  return { place: `BAR${window.bar}+${hex(offset)}`, name }
}

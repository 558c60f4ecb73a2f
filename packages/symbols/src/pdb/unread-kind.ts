// Records of one kind that Dumpstack does not read, and how they are counted in messages.
import { hex } from '@dumpstack/bytes'

export type UnreadPart = 'types' | 'ids' | 'fields' | 'globals' | 'symbols' | 'subsections'

export interface UnreadKind {
  readonly part: UnreadPart
  readonly kind: number
  readonly count: number
}

/** `3 types of kind 0x160f` */
export const unreadText = ({ part, kind, count }: UnreadKind): string =>
  `${count} ${count === 1 ? part.slice(0, -1) : part} of kind ${hex(kind)}`

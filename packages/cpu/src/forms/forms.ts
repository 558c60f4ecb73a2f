// All forms: mnemonic to what it emits. A form that is not here stops guest code with `notImplemented`.
import type { Form } from '../emit/emitter.ts'
import { arithmetic } from './arithmetic.ts'
import { bits } from './bits.ts'
import { control } from './control.ts'
import { extensions } from './extensions.ts'
import { float } from './float.ts'
import { logic } from './logic.ts'
import { moves } from './moves.ts'
import { multiplication } from './multiply.ts'
import { privileged } from './privileged.ts'
import { shifts } from './shifts.ts'
import { simdInteger } from './simd-integer.ts'
import { simdMoves } from './simd-moves.ts'
import { sse4 } from './sse4.ts'
import { strings } from './strings.ts'
import { system } from './system.ts'

export const FORMS: Readonly<Record<string, Form>> = {
  ...arithmetic,
  ...bits,
  ...control,
  ...extensions,
  ...float,
  ...logic,
  ...moves,
  ...multiplication,
  ...privileged,
  ...shifts,
  ...simdInteger,
  ...simdMoves,
  ...sse4,
  ...strings,
  ...system,
}

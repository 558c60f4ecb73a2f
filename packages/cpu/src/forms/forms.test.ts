import { expect, it } from 'vitest'
import { arithmetic } from './arithmetic.ts'
import { bits } from './bits.ts'
import { control } from './control.ts'
import { extensions } from './extensions.ts'
import { float } from './float.ts'
import { FORMS } from './forms.ts'
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

it('says in one place only what an instruction does', () => {
  const tables = [arithmetic, bits, control, logic, moves, multiplication, privileged, shifts]
  const names = [...tables, simdInteger, simdMoves, sse4, extensions, float, strings, system].flatMap(
    (table) => Object.keys(table),
  )
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  expect(Object.keys(FORMS)).toHaveLength(names.length)
})

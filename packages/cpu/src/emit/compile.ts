// A decoded block becomes one JavaScript function. It charges its instructions first, then runs them, then leaves rip at
// the next one. The text holds nothing but what the emitter wrote: names of its own and numbers.
import type { DecodedInstruction } from '../decoder.ts'
import type { PortUnit } from '../devices.ts'
import { EVEN_PARITY, type Flags } from '../flags.ts'
import type { FloatUnit } from '../float-unit.ts'
import { FORMS } from '../forms/forms.ts'
import type { Memory } from '../memory.ts'
import type { MultiplyUnit } from '../multiply-unit.ts'
import type { Privileged } from '../privileged.ts'
import type { ShiftUnit } from '../shift-unit.ts'
import type { SimdUnit } from '../simd-unit.ts'
import type { Sse4Unit } from '../sse4-unit.ts'
import { type State, Word } from '../state.ts'
import type { StringCompareUnit } from '../string-compare-unit.ts'
import type { StringUnit } from '../string-unit.ts'
import type { System } from '../system.ts'
import type { Tlb } from '../tlb.ts'
import { Emitter, Exit, type Form, jumpText, NotImplemented } from './emitter.ts'
import { HOT_LOCALS } from './hot-access.ts'

export { Exit }

export type BlockCode = () => number

/** What generated code reaches, by the names it uses. */
export interface Environment {
  readonly state: State
  readonly memory: Memory
  readonly tlb: Tlb
  readonly flags: Flags
  readonly system: System
  readonly shifts: ShiftUnit
  readonly multiply: MultiplyUnit
  readonly simd: SimdUnit
  readonly sse4: Sse4Unit
  readonly floats: FloatUnit
  readonly strings: StringUnit
  readonly stringCompare: StringCompareUnit
  readonly ports: PortUnit
  readonly privileged: Privileged
}

const MEMORY = [
  'load8',
  'load16',
  'load32',
  'load64',
  'load128',
  'store8',
  'store16',
  'store32',
  'store64',
  'store128',
] as const

const UNITS = [
  'flags',
  'system',
  'shifts',
  'multiply',
  'simd',
  'sse4',
  'floats',
  'strings',
  'stringCompare',
  'ports',
  'privileged',
  'memory',
] as const
/** The TLB by the names that emitted loads and stores use: tags and views, to read and to write. */
const TLB = ['RL', 'RH', 'RV', 'WL', 'WH', 'WV'] as const
const NAMES = ['S', 'B', 'D', 'F', 'even', ...TLB, ...UNITS, ...MEMORY]

export interface BlockText {
  readonly text: string
  /** Instructions taken from the list; less than all where a form is not implemented or the block ends early. */
  readonly count: number
}

/**
 * The source of a block's function; null where the first instruction is not implemented. `isHot` has loads and stores
 * look into the TLB without a call.
 */
export function writeBlock(
  block: readonly DecodedInstruction[],
  startLo: number,
  startHi: number,
  isHot: boolean,
): BlockText | null {
  const { text: body, count } = emitBlock(block, startLo, startHi, isHot)
  if (count === 0) return null
  const text = `'use strict';${constants(body)}return (function(){${isHot ? HOT_LOCALS : ''}for(;;){
if((S[${Word.remaining}]-=${count})<0){S[${Word.remaining}]+=${count};${jumpText(startLo, startHi)}return ${Exit.exhausted};}
${body}
return ${Exit.next};}})`
  return { text, count }
}

/** Constants, unlike parameters, are folded into what the engine makes of the block. */
const constants = (body: string): string => {
  const used = new Set(body.match(/[A-Za-z]\w*/g)).add('S')
  return `const ${NAMES.filter((name) => used.has(name))
    .map((name) => `${name}=$.${name}`)
    .join()};`
}

/** What generated code reaches of one processor, by name. */
export type Bindings = Readonly<Record<string, unknown>>

/** Makes the block's function for a processor: parsed once, it can be asked by many. */
export type BlockMaker = (bindings: Bindings) => BlockCode

export const makerOf = (text: string): BlockMaker => new Function('$', text) as BlockMaker // what writeBlock's text returns

export function bindingsOf(environment: Environment): Bindings {
  const { state, memory, tlb } = environment
  return {
    S: state.words,
    B: state.bytes,
    D: state.doubles,
    F: state.floats,
    even: EVEN_PARITY,
    RL: tlb.readLo,
    RH: tlb.readHi,
    RV: tlb.readViews,
    WL: tlb.writeLo,
    WH: tlb.writeHi,
    WV: tlb.writeViews,
    ...Object.fromEntries(UNITS.map((name) => [name, environment[name]])),
    ...Object.fromEntries(MEMORY.map((name) => [name, memory[name].bind(memory)])),
  }
}

/** Emits up to the end of the block, to the first form that is not implemented, or to the end of the list. */
function emitBlock(
  block: readonly DecodedInstruction[],
  startLo: number,
  startHi: number,
  isHot: boolean,
): BlockText {
  const emitter = new Emitter(startLo, startHi, block.length, isHot)
  let offset = 0
  for (let i = 0; i < block.length; i++) {
    const decoded = block[i]!
    offset += decoded.byteLength
    const lo = (startLo + offset) | 0
    const next = { lo, hi: lo >>> 0 < startLo >>> 0 ? (startHi + 1) | 0 : startHi }
    try {
      emitter.instruction(FORMS[decoded.mnemonic] ?? refuse, decoded, i, next)
    } catch (error) {
      if (!(error instanceof NotImplemented)) throw error
      return emitBlock(block.slice(0, i), startLo, startHi, isHot) // made again: all flags are live where it ends now
    }
    if (!emitter.hasEnded) continue
    if (i === block.length - 1) return { text: emitter.text(), count: block.length }
    return emitBlock(block.slice(0, i + 1), startLo, startHi, isHot)
  }
  emitter.end()
  return { text: emitter.text(), count: block.length }
}

const refuse: Form = (emit) => emit.refuse()

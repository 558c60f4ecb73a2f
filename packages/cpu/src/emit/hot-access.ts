// Loads and stores of hot code: the TLB's tags are compared in place, and only what misses is a call. The names are those
// of the environment (compile.ts); `e` is an entry of the TLB or its view, `w` a place in it.
import { ENTRY_MASK, OFFSET_MASK, PAGE_MASK } from '../mmu.ts'
import type { Value } from './conditions.ts'

/** Declares the names that every access uses again. */
export const HOT_LOCALS = 'let e=0,w=0;'

/** Sets `e`. */
const isMapped = (tags: string, halves: string, { lo, hi }: Value, size: number): string => {
  const last = size === 1 ? lo : `${lo}+${size - 1}`
  return `${tags}[e=${lo}>>>12&${ENTRY_MASK}]===(${last}&${PAGE_MASK})&&${halves}[e]===${hi}`
}

const order = (size: number): string => (size === 1 ? '' : ',true')

/** An expression; of up to four bytes. */
export const hotLoad = (size: number, at: Value, missed: string): string =>
  `${isMapped('RL', 'RH', at, size)}?RV[e].getInt${size * 8}(${at.lo}&${OFFSET_MASK}${order(size)}):${missed}`

/** Statements that declare and set two names. */
export const hotLoad64 = (at: Value, low: string, high: string, missed: string): string =>
  `let ${low},${high};if(${isMapped('RL', 'RH', at, 8)}){e=RV[e];w=${at.lo}&${OFFSET_MASK};${low}=e.getInt32(w,true);` +
  `${high}=e.getInt32(w+4,true)}else{${missed}}`

/** A statement. */
export function hotStore(size: number, at: Value, value: Value, missed: string): string {
  const set = `WV[e].setInt${Math.min(size, 4) * 8}(${at.lo}&${OFFSET_MASK},${value.lo}${order(size)});`
  const setHigh = size === 8 ? `WV[e].setInt32((${at.lo}&${OFFSET_MASK})+4,${value.hi},true);` : ''
  return `if(${isMapped('WL', 'WH', at, size)}){${set}${setHigh}}else ${missed}`
}

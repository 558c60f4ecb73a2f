// Flags of a block while they are in local names only. They go into the state where the next block, or a form that reads
// the state, looks for them; should the block stop before, its catch clause puts them there.
import { Word } from '../state.ts'
import { type FlagSource, flagKindOf } from './conditions.ts'

/** Local names for what the catch clause puts into the state; kind -1: the flags are there. */
const NOTED = new Map<number, string>([
  [Word.flagKind, 'fk'],
  [Word.result, 'fr'],
  [Word.resultHigh, 'fh'],
  [Word.left, 'fl'],
  [Word.leftHigh, 'fm'],
  [Word.right, 'fq'],
  [Word.carry, 'fc'],
  [Word.overflow, 'fo'],
  [Word.adjust, 'fa'],
])

/** The state's words that hold flags of such a source (see flags.ts), and what goes into them. */
function wordsOf(source: FlagSource): [word: number, value: string][] {
  const { kind, result, left, right, isWide } = source
  const words: [number, string][] = [
    [Word.flagKind, `${flagKindOf(source)}`],
    [Word.result, result.lo],
  ]
  if (isWide) words.push([Word.resultHigh, result.hi])
  if (kind === 'add' || kind === 'sub') {
    words.push([Word.left, left.lo], isWide ? [Word.leftHigh, left.hi] : [Word.right, right.lo])
  } else if (kind === 'result') {
    const bit = (expression: string): string => (expression === 'false' ? '0' : `${expression}?1:0`)
    words.push([Word.carry, bit(source.carry)], [Word.overflow, bit(source.overflow)])
    words.push([Word.adjust, bit(source.adjust)])
  }
  return words
}

export class FlagKeeper {
  /** Where the flags came from; null where only the state tells. */
  source: FlagSource | null = null
  /** Whether they still have to go into the state. */
  #isPending = false
  /** What the catch clause would put there. */
  #noted: FlagSource | null = null
  #hasNoted = false

  set(source: FlagSource): void {
    this.source = source
    this.#isPending = true
  }

  /** A form changed them in the state by itself. */
  inState(): void {
    this.source = null
  }

  /** Text that puts them into the state, if they are not there. */
  stores(): string {
    if (!this.#isPending || this.source === null) return ''
    return wordsOf(this.source)
      .map(([word, value]) => `S[${word}]=${value};`)
      .join('')
  }

  stored(): void {
    this.#isPending = false
  }

  /** Text for where the block may stop. */
  notes(): string {
    const source = this.#isPending ? this.source : null
    if (source === this.#noted) return ''
    this.#noted = source
    if (source === null) return 'fk=-1;'
    this.#hasNoted = true
    return wordsOf(source)
      .map(([word, value]) => `${NOTED.get(word)}=${value};`)
      .join('')
  }

  /** The whole block's text. */
  guarded(body: string): string {
    if (!this.#hasNoted) return body
    const stores = Array.from(NOTED, ([word, name]) => `S[${word}]=${name};`).join('')
    return `let ${[...NOTED.values()].join('=0,')}=0;fk=-1;try{${body}}catch(x){if(fk>=0){${stores}}throw x}`
  }
}

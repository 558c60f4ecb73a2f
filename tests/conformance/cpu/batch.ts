// Batches of tests: forms instantiated, assembled and given states, from one seed.
import { AF, CONDITIONS, type Form } from './forms.ts'
import { CODE_BYTES, RECORD_BYTES, SLOT_BYTES } from './layout.ts'
import { Random } from './random.ts'
import { assembleSnippets, instantiate, type Snippet } from './snippets.ts'
import { fillState } from './states.ts'

export interface Batch {
  readonly snippets: readonly Snippet[]
  /** Where in the code area the slots begin, and what is in them. */
  readonly codeOffset: number
  readonly code: Uint8Array
  /** `statesEach` records per snippet, one snippet after another. */
  readonly records: Uint8Array
  readonly statesEach: number
}

export interface Plan {
  readonly snippetsEach: number
  readonly statesEach: number
  readonly sequences: number
  readonly loops: number
}

/** A memory operand, whatever is chosen. */
const HAS_MEMORY = /\b(M\d|MOFFS)/
const mayJoin = (form: Form): boolean => !form.alone && (form.undefinedFlags(0) & ~AF) === 0

/** Several forms one after another: what one leaves (flags above all) is what the next one finds. */
function sequence(random: Random, forms: readonly Form[], number: number): Snippet {
  // one memory operand has its registers to itself; further ones mostly lead to nowhere, which is rarely wanted
  const parts = Array.from({ length: 2 + random.below(5) }, (_, i) => {
    let form = random.pick(forms)
    while (i > 0 && !random.once(12) && HAS_MEMORY.test(form.text)) form = random.pick(forms)
    return instantiate(random, form, `s${number}_${i}`, i > 0 ? 'register' : 'any')
  })
  let undefinedFlags = 0
  for (const { form } of parts) undefinedFlags |= form.undefinedFlags(0)
  const text = parts.map((part) => part.text).join('\n')
  const needs = parts.flatMap((part) => part.form.needs)
  const form = { text, needs, undefinedFlags: () => undefinedFlags, alone: true }
  const memory = parts.find((part) => part.memory !== null)?.memory ?? null
  return { form, text, memory, register: null, count: null, address: 0n }
}

/** A sequence that is run again and again, at most 256 times, and left by its counter or by a condition. */
function loop(random: Random, forms: readonly Form[], number: number): Snippet {
  const body = Array.from({ length: 1 + random.below(4) }, (_, i) =>
    instantiate(random, random.pick(forms), `l${number}_${i}`, 'register'),
  )
  let undefinedFlags = 0
  for (const { form } of body) undefinedFlags |= form.undefinedFlags(0)
  const lines = body.map((part) => part.text)
  const again = `j${random.pick(CONDITIONS)} 1b`
  const counter = ['dec byte ptr gs:[0xf0]', 'je 2f']
  const text = ['1: nop', ...counter, ...lines, again, '2: nop'].join('\n')
  const form = { text, needs: [], undefinedFlags: () => undefinedFlags, alone: true }
  return { form, text, memory: null, register: null, count: null, address: 0n }
}

/** All forms, then sequences and loops of them, from the first slot on, cut into batches of at most `limit` records. */
export function* batches(forms: readonly Form[], plan: Plan, seed: number, limit: number): Iterable<Batch> {
  const random = new Random(seed)
  const all: Snippet[] = []
  forms.forEach((form, i) => {
    for (let k = 0; k < plan.snippetsEach; k++) {
      all.push(instantiate(random, form, `${i}_${k}`, k % 2 === 0 ? 'memory' : 'register'))
    }
  })
  const joined = forms.filter(mayJoin)
  for (let i = 0; i < plan.sequences; i++) all.push(sequence(random, joined, i))
  const inRegisters = joined.filter(({ text }) => !HAS_MEMORY.test(text))
  for (let i = 0; i < plan.loops; i++) all.push(loop(random, inRegisters, i))
  if (all.length * SLOT_BYTES > CODE_BYTES) throw new Error(`${all.length} snippets do not fit the code area`)
  const perBatch = Math.floor(limit / plan.statesEach)
  for (let first = 0; first < all.length; first += perBatch) {
    const snippets = all.slice(first, first + perBatch)
    const code = assembleSnippets(snippets, first)
    const records = new Uint8Array(snippets.length * plan.statesEach * RECORD_BYTES)
    for (let i = 0; i * RECORD_BYTES < records.byteLength; i++) {
      const snippet = snippets[Math.floor(i / plan.statesEach)]
      if (snippet !== undefined)
        fillState(random, snippet, records.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES))
    }
    yield { snippets, codeOffset: first * SLOT_BYTES, code, records, statesEach: plan.statesEach }
  }
}

// Our processor against QEMU's translator: every implemented instruction form, alone and in sequences, with random
// operands, flags and memory; both must end in the same state, by the same exception. One seed; look further with
// CPU_ROUNDS=20 PROPERTY_SEED=7 npx vitest run tests/conformance/cpu.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { hasQemu } from '../qtest.ts'
import { hasTool } from '../tools.ts'
import { ASSEMBLER } from './assemble.ts'
import { type Batch, batches } from './batch.ts'
import { differences, isUndefined } from './compare.ts'
import { EmbeddedCpu } from './embedded-cpu.ts'
import { INTEGER_FORMS } from './forms.ts'
import { CODE_AT, CODE_BYTES, FRAMES, RECORD_BYTES, Record } from './layout.ts'
import { BATCH, QemuCpu } from './qemu-cpu.ts'
import { propertySeed } from './random.ts'
import { SIMD_FORMS } from './simd-forms.ts'

const PLAN = { snippetsEach: 4, statesEach: 8, sequences: 1500, loops: 300 }
const ROUNDS = Number(process.env['CPU_ROUNDS'] ?? 1)
const FORMS = [...INTEGER_FORMS, ...SIMD_FORMS]
const SHOWN = 20
const isJudgeHere = hasQemu() && ASSEMBLER.every(hasTool)

interface Outcome {
  tests: number
  /** How often QEMU ended by which exception. */
  readonly vectors: Map<number, number>
  /** The first failure of each form. */
  readonly failures: Map<string, string>
}

function judge(batch: Batch, theirs: Uint8Array, ours: EmbeddedCpu, outcome: Outcome): void {
  for (let at = 0; at < theirs.byteLength; at += RECORD_BYTES) {
    const snippet = batch.snippets[Math.floor(at / RECORD_BYTES / batch.statesEach)]
    if (snippet === undefined) throw new Error('a record without its snippet')
    const before = batch.records.subarray(at, at + RECORD_BYTES)
    const expected = theirs.subarray(at, at + RECORD_BYTES)
    const found = before.slice()
    const stop = ours.run(found)
    outcome.tests++
    const vector = expected[Record.vector] ?? 0
    outcome.vectors.set(vector, (outcome.vectors.get(vector) ?? 0) + 1)
    if (isUndefined(snippet, before) || outcome.failures.has(snippet.form.text)) continue
    const lines = differences(snippet, before, expected, found)
    if (lines.length > 0) {
      outcome.failures.set(snippet.form.text, [snippet.text, ...lines, stop.message].join('\n    '))
    }
  }
}

async function round(seed: number, outcome: Outcome): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-cpu-'))
  const qemu = await QemuCpu.start(folder)
  try {
    const ours = new EmbeddedCpu()
    const empty = new Uint8Array(CODE_BYTES).fill(0xcc)
    qemu.write(CODE_AT, empty)
    ours.write(CODE_AT, empty)
    for (const batch of batches(FORMS, PLAN, seed, BATCH)) {
      qemu.write(CODE_AT + batch.codeOffset, batch.code)
      ours.write(CODE_AT + batch.codeOffset, batch.code)
      judge(batch, await qemu.run(batch.records), ours, outcome)
    }
    // what was written outside the windows that records show
    for (const frame of FRAMES) {
      if (Buffer.compare(qemu.read(frame, 4096), ours.read(frame, 4096)) === 0) continue
      outcome.failures.set(`frame 0x${frame.toString(16)}`, 'differs, outside what the records show')
    }
  } finally {
    qemu.close()
    fs.rmSync(folder, { recursive: true })
  }
}

it.skipIf(!isJudgeHere)(
  'each instruction form does what it does on QEMU (needs qemu-system-x86_64, clang-16, llvm-objcopy-16)',
  { timeout: 300_000 * ROUNDS },
  async () => {
    const outcome: Outcome = { tests: 0, vectors: new Map(), failures: new Map() }
    for (let i = 0; i < ROUNDS; i++) await round(propertySeed() + i, outcome)
    const shown = [...outcome.failures.values()].slice(0, SHOWN)
    expect(shown.join('\n')).toBe('')
    expect(outcome.failures.size).toBe(0)
    const perForm = PLAN.snippetsEach * PLAN.statesEach
    expect(outcome.tests).toBe(
      (FORMS.length * perForm + (PLAN.sequences + PLAN.loops) * PLAN.statesEach) * ROUNDS,
    )
    // #DE, #BP, #UD, #GP, #PF: each was met, and most tests came to their end
    for (const vector of [0, 6, 13, 14]) expect(outcome.vectors.get(vector)).toBeGreaterThan(50)
    expect(outcome.vectors.get(3)).toBeGreaterThan(outcome.tests * 0.85)
  },
)

// Our processor against QEMU's translator: every implemented instruction form, alone and in sequences, with random
// operands, flags and memory; both must end in the same state, by the same exception. What is implemented is found out by
// asking for every opcode: what is neither compared nor named in uncompared.ts fails. One seed; look further with
// CPU_ROUNDS=20 PROPERTY_SEED=7 CPU_FAILURES=file npx vitest run tests/conformance/cpu.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { expect, it } from 'vitest'
import { hasQemu } from '../qtest.ts'
import { hasTool } from '../tools.ts'
import { ASSEMBLER } from './assemble.ts'
import { type Batch, batches } from './batch.ts'
import { differences, isUndefined } from './compare.ts'
import { EmbeddedCpu } from './embedded-cpu.ts'
import { ENCODING_FORMS } from './encodings.ts'
import { FLAG_FORMS } from './flag-forms.ts'
import { FLOAT_FORMS } from './float-forms.ts'
import { INTEGER_FORMS } from './forms.ts'
import { addressing, formName, implementedForms } from './implemented.ts'
import { KERNEL_FORMS } from './kernel-forms.ts'
import { CODE_AT, CODE_BYTES, FRAMES, RECORD_BYTES, Record, SLOT_BYTES } from './layout.ts'
import { BATCH, QemuCpu } from './qemu-cpu.ts'
import { propertySeed } from './random.ts'
import { SIMD_FORMS } from './simd-forms.ts'
import { needless, reasonOf } from './uncompared.ts'

const PLAN = { snippetsEach: 3, statesEach: 6, sequences: 600, loops: 150 }
const ROUNDS = Number(process.env['CPU_ROUNDS'] ?? 1)
const FORMS = [
  ...INTEGER_FORMS,
  ...ENCODING_FORMS,
  ...KERNEL_FORMS,
  ...SIMD_FORMS,
  ...FLOAT_FORMS,
  ...FLAG_FORMS,
]
const SHOWN = 20
/** Ways to make an address, as implemented.ts names them: each with ten mnemonics at least. */
const ADDRESSES =
  `[]8 [base+index]4 [base+index]8 [base]4 [base]8 [index]8 fs:[]8 fs:[base+index]8 fs:[base]8 gs:[]8
  gs:[base+index]8 gs:[base]8`.split(/\s+/)
const isJudgeHere = hasQemu() && ASSEMBLER.every(hasTool)

interface Outcome {
  tests: number
  /** How often QEMU ended by which exception. */
  readonly vectors: Map<number, number>
  /** The first failure of each form. */
  readonly failures: Map<string, string>
  /** Names of all instruction forms in the code, as implemented.ts gives them. */
  readonly compared: Set<string>
  /** Ways to make an address, and the mnemonics that each was met with. */
  readonly addressed: Map<string, Set<string>>
}

const decoder = new IcedDecoder()

/** int3 fills what the code of a slot leaves. */
function noteForms(code: Uint8Array, { compared, addressed }: Outcome): void {
  for (let slot = 0; slot < code.byteLength; slot += SLOT_BYTES) {
    for (let at = slot; at < slot + SLOT_BYTES; ) {
      const one = decoder.decode(code.subarray(at, slot + SLOT_BYTES), 0n)
      if (typeof one !== 'string') {
        compared.add(formName(one))
        const how = addressing(one)
        if (how !== null) addressed.set(how, (addressed.get(how) ?? new Set()).add(one.mnemonic))
      }
      at += typeof one === 'string' ? 1 : one.byteLength
    }
  }
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
      noteForms(batch.code, outcome)
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
    const implemented = implementedForms()
    const outcome: Outcome = {
      tests: 0,
      vectors: new Map(),
      failures: new Map(),
      compared: new Set(),
      addressed: new Map(),
    }
    for (let i = 0; i < ROUNDS; i++) await round(propertySeed() + i, outcome)
    const failures = [...outcome.failures.values()]
    if (process.env['CPU_FAILURES'] !== undefined)
      fs.writeFileSync(process.env['CPU_FAILURES'], failures.join('\n'))
    expect(failures.slice(0, SHOWN).join('\n')).toBe('')
    const perForm = PLAN.snippetsEach * PLAN.statesEach
    expect(outcome.tests).toBe(
      (FORMS.length * perForm + (PLAN.sequences + PLAN.loops) * PLAN.statesEach) * ROUNDS,
    )
    // #DE, #BP, #UD, #GP, #PF: each was met, and most tests came to their end
    for (const vector of [0, 6, 13, 14]) expect(outcome.vectors.get(vector)).toBeGreaterThan(50)
    expect(outcome.vectors.get(3)).toBeGreaterThan(outcome.tests * 0.85)
    // nothing is implemented that was neither compared nor named with the reason why it cannot be
    const uncompared = implemented.filter((name) => !outcome.compared.has(name))
    expect(uncompared.filter((name) => reasonOf(name) === undefined)).toEqual([])
    expect(needless(uncompared)).toEqual([])
    const often = [...outcome.addressed].filter(([, mnemonics]) => mnemonics.size >= 10)
    expect(often.map(([how]) => how).sort()).toEqual(ADDRESSES)
  },
)

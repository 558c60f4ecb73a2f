// Every instruction form in the guest binaries' code can be executed: code is followed from the entry point, the
// exports and the functions in .pdata through all jumps and calls, and one instruction of each form is run. What is not implemented is
// listed by name.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { DecodedInstruction, Operand } from '@dumpstack/cpu'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { type PeImage, parsePe } from '@dumpstack/image'
import { expect, it } from 'vitest'
import { ROOT } from '../tools.ts'
import { EmbeddedCpu } from './embedded-cpu.ts'
import { stopOf } from './implemented.ts'

const FOLDERS = ['guest/bin', 'guest/miniports/bin']
const MAX_INSTRUCTION = 15
/** IMAGE_SCN_MEM_EXECUTE. */
const EXECUTE = 0x20000000
const ENDS = new Set(['jmp', 'ret', 'int3', 'ud1', 'ud2', 'iretq', 'sysretq', 'hlt'])

interface Form {
  readonly bytes: Uint8Array
  readonly where: string
}
const forms = new Map<string, Form>()
const decoder = new IcedDecoder()

const shape = (operand: Operand): string =>
  operand.kind === 'memory' ? `memory${operand.addressSize}${operand.segment ?? ''}` : operand.kind

/** Code by its RVA; nothing where the image has none. */
function codeAt(image: PeImage, rva: number): Uint8Array {
  const section = image.sections.find((one) => rva >= one.rva && rva < one.rva + one.fileSize)
  if (section === undefined) return new Uint8Array(0)
  const start = section.fileOffset + rva - section.rva
  return image.bytes.subarray(start, Math.min(start + MAX_INSTRUCTION, section.fileOffset + section.fileSize))
}

/** Straight on from an address to an end; adds to `leads` where calls and jumps go. */
function follow(name: string, image: PeImage, begin: number, seen: Set<number>, leads: number[]): void {
  for (let rva = begin; !seen.has(rva); ) {
    seen.add(rva)
    const bytes = codeAt(image, rva)
    const one: DecodedInstruction | string = decoder.decode(bytes, BigInt(rva))
    if (typeof one === 'string') throw new Error(`${name}+0x${rva.toString(16)}: ${one} among code`)
    const key = [one.form, ...one.operands.map(shape)].join(' ')
    if (!forms.has(key)) {
      forms.set(key, { bytes: bytes.slice(0, one.byteLength), where: `${name}+0x${rva.toString(16)}` })
    }
    rva += one.byteLength
    const [target] = one.operands
    if (target?.kind === 'branch') leads.push(target.lo)
    else if (one.mnemonic === 'jmp') leads.push(...jumpTable(image, rva))
    if (ENDS.has(one.mnemonic)) break
  }
}

/** clang puts a table of distances from itself after the jump that uses it. */
function jumpTable(image: PeImage, behind: number): number[] {
  const at = (behind + 3) & -4
  const targets: number[] = []
  for (let entry = at; ; entry += 4) {
    const bytes = codeAt(image, entry)
    if (bytes.byteLength < 4) return targets
    const target = at + new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true)
    const isInFunction =
      target < at && image.findFunction(target)?.beginRva === image.findFunction(at)?.beginRva
    if (!isInFunction || image.findFunction(at) === null) return targets
    targets.push(target)
  }
}

/** How many instructions were found in the image. */
function survey(name: string, image: PeImage): number {
  const isCode = (rva: number): boolean =>
    image.sections.some(
      (one) => rva >= one.rva && rva < one.rva + one.fileSize && (one.characteristics & EXECUTE) !== 0,
    )
  const leads = [image.entryPointRva, ...image.exports.values()].filter(isCode)
  leads.push(...image.runtimeFunctions.map(({ beginRva }) => beginRva))
  const seen = new Set<number>([0])
  for (let lead = leads.pop(); lead !== undefined; lead = leads.pop()) {
    follow(name, image, lead, seen, leads)
  }
  return seen.size - 1
}

const folders = FOLDERS.map((folder) => path.join(ROOT, folder))
const images = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => /\.(exe|dll|sys)$/.test(name))
    .map((name) => ({ name, image: parsePe(readFileSync(path.join(folder, name))) })),
)

it('all code of the guest binaries is known to the processor', () => {
  let count = 0
  for (const { name, image } of images) count += survey(name, image)
  expect(count).toBeGreaterThan(5000)
  expect(forms.size).toBeGreaterThan(150)
  const cpu = new EmbeddedCpu()
  const missing: string[] = []
  for (const [key, { bytes, where }] of forms) {
    if (stopOf(cpu, bytes).reason === 'notImplemented') missing.push(`${key} at ${where}`)
  }
  expect(missing).toEqual([])
})

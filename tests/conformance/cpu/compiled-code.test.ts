// What compilers make of driver-code.c, on our processor: built for Windows as drivers are, at each level of optimisation
// and for newer processors too, every routine must do what the same source does on the host.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gpa, gva, pfn } from '@dumpstack/bytes'
import { type Cpu, createCpu, Gpr } from '@dumpstack/cpu'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { type PeImage, parsePe } from '@dumpstack/image'
import { createMachine } from '@dumpstack/machine'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hasTool } from '../tools.ts'
import { propertySeed, Random } from './random.ts'

const SOURCE = fileURLToPath(new URL('driver-code.c', import.meta.url))
/** No undefined behaviour is left to differ: overflow wraps, nothing is contracted, types may share memory. */
const LANGUAGE = '-w -fwrapv -fno-strict-aliasing -ffp-contract=off -fno-math-errno'.split(' ')
const BUILDS = [
  '-O0',
  '-O1',
  '-O2',
  '-O2 -march=x86-64-v2',
  '-O3 -march=x86-64-v2',
  '-Os -march=x86-64-v2',
  '-O2 -march=x86-64-v2 -mbmi -mbmi2 -mlzcnt -mmovbe',
]
const isHere = process.arch === 'x64' && ['clang-16', 'lld-link-16'].every(hasTool)
const MEMORY_BYTES = 4096
const NAME_BYTES = 32
const LARGE_PAGE = 0x200000
const [TABLES_AT, IMAGE_AT, DATA_AT] = [0x10000, LARGE_PAGE, 2 * LARGE_PAGE]
const LARGE_WRITABLE = 0xe3n

interface Outcome {
  readonly answer: bigint
  readonly memory: Uint8Array
}

let folder = ''
const given = new Uint8Array(MEMORY_BYTES)
/** What the host's processor makes of the memory, by routine. */
const expected = new Map<string, Outcome>()

beforeAll(() => {
  if (!isHere) return
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-code-'))
  const random = new Random(propertySeed())
  for (let i = 0; i < MEMORY_BYTES; i++) given[i] = random.word()
  const host = path.join(folder, 'host')
  execFileSync('clang-16', ['-DHOST', '-O1', ...LANGUAGE, SOURCE, '-o', host])
  const output = execFileSync(host, { input: given, maxBuffer: 1 << 24 })
  for (let at = 0; at < output.byteLength; at += NAME_BYTES + 8 + MEMORY_BYTES) {
    const name = output
      .subarray(at, at + NAME_BYTES)
      .toString('latin1')
      .replaceAll('\0', '')
    const memory = output.subarray(at + NAME_BYTES + 8, at + NAME_BYTES + 8 + MEMORY_BYTES)
    expected.set(name, { answer: output.readBigUInt64LE(at + NAME_BYTES), memory })
  }
})
afterAll(() => {
  if (folder !== '') fs.rmSync(folder, { recursive: true })
})

function build(options: string): PeImage {
  const [object, dll] = ['code.obj', 'code.dll'].map((name) => path.join(folder, name)) as [string, string] // two
  const target = ['--target=x86_64-pc-windows-msvc', '-ffreestanding', ...LANGUAGE]
  execFileSync('clang-16', [...target, ...options.split(' '), '-c', SOURCE, '-o', object])
  execFileSync('lld-link-16', ['/dll', '/noentry', '/nodefaultlib', `/out:${dll}`, object], { stdio: 'pipe' })
  return parsePe(fs.readFileSync(dll))
}

/** A processor with the image where it wants to be, and memory and stack after it. */
function load(image: PeImage): { cpu: Cpu; memory: bigint } {
  const machine = createMachine({
    seed: 1,
    cpuCount: 1,
    runs: [{ basePage: pfn(0x10), pageCount: (3 * LARGE_PAGE) / 4096 - 0x10 }],
    controllers: [],
  })
  const { ram } = machine
  ram.write(gpa(TABLES_AT), new Uint8Array(3 * 4096))
  ram.write(gpa(IMAGE_AT), new Uint8Array(LARGE_PAGE))
  const base = image.preferredBase
  const index = (level: number): number => Number((base >> BigInt(12 + 9 * level)) & 0x1ffn) * 8
  ram.setU64(gpa(TABLES_AT + index(3)), BigInt(TABLES_AT + 4096) | 0x63n)
  ram.setU64(gpa(TABLES_AT + 4096 + index(2)), BigInt(TABLES_AT + 8192) | 0x63n)
  ram.setU64(gpa(TABLES_AT + 8192 + index(1)), BigInt(IMAGE_AT) | LARGE_WRITABLE)
  ram.setU64(gpa(TABLES_AT + 8192 + index(1) + 8), BigInt(DATA_AT) | LARGE_WRITABLE)
  for (const { rva, fileOffset, fileSize } of image.sections)
    ram.write(gpa(IMAGE_AT + rva), image.bytes.subarray(fileOffset, fileOffset + fileSize))
  const cpu = createCpu(machine, new IcedDecoder())
  cpu.cr3 = gpa(TABLES_AT)
  cpu.writeGpr(Gpr.rsp, base + BigInt(2 * LARGE_PAGE - 4096))
  return { cpu, memory: base + BigInt(LARGE_PAGE) }
}

it.skipIf(!isHere).each(BUILDS)('%s (needs x64, clang-16, lld-link-16)', (options) => {
  const image = build(options)
  const { cpu, memory } = load(image)
  const routines = [...image.exports.keys()].filter((name) => expected.has(name))
  expect(routines.sort()).toEqual([...expected.keys()].sort())
  const wrong: string[] = []
  for (const [name, { answer, memory: left }] of expected) {
    cpu.write(gva(memory), given)
    const found = new Uint8Array(MEMORY_BYTES)
    const result = cpu.call(gva(image.preferredBase + BigInt(image.exports.get(name)!)), [memory])
    cpu.read(gva(memory), found)
    if (result !== answer)
      wrong.push(`${name} answers 0x${result.toString(16)}, on the host 0x${answer.toString(16)}`)
    const at = found.findIndex((byte, i) => byte !== left[i])
    if (at >= 0) wrong.push(`${name} leaves ${found[at]} at 0x${at.toString(16)}, on the host ${left[at]}`)
  }
  expect(wrong).toEqual([])
})

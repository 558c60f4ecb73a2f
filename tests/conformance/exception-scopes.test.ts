// Which code of a driver is guarded by a __try: our reading of scope tables against what clang wrote them for.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { isInTryExcept, type PeImage, parsePe } from '@dumpstack/image'
import { expect, it } from 'vitest'
import { hasTool } from './tools.ts'

const SOURCE = `
#define EXPORT __declspec(dllexport)
int __C_specific_handler(void) { return 1; }
int probe(volatile int *at);
EXPORT int excepted(int *at) { int value = 1; __try { value = probe(at); } __except (1) { value = 2; } return value; }
EXPORT int filtered(int *at) { __try { return probe(at); } __except (*at == 3) { return 2; } }
EXPORT int finally(int *at) { int value = 1; __try { value = probe(at); } __finally { *at = 0; } return value; }
EXPORT int nested(int *at) { __try { __try { return probe(at); } __finally { *at = 0; } } __except (1) { return 2; } }
EXPORT int plain(int *at) { int value = probe(at); *at = value; return value + 1; }
`
/** In a file of its own: where the compiler sees that nothing is raised, it drops the __try. */
const PROBE = '__declspec(dllexport) int probe(volatile int *at) { return *at; }'
const TOOLS = ['clang-16', 'lld-link-16']

/** RVAs of the direct calls of a function to another, in its main body. */
function callsTo(image: PeImage, from: string, to: string): number[] {
  const { beginRva, endRva } = image.findFunction(image.exports.get(from)!)!
  const section = image.sections.find(({ rva, fileSize }) => beginRva >= rva && beginRva < rva + fileSize)!
  const view = new DataView(image.bytes.buffer, image.bytes.byteOffset)
  const calls: number[] = []
  for (let rva = beginRva; rva < endRva - 4; rva++) {
    const at = section.fileOffset + rva - section.rva
    if (image.bytes[at] !== 0xe8) continue
    if (rva + 5 + view.getInt32(at + 1, true) === image.exports.get(to)) calls.push(rva)
  }
  return calls
}

it.skipIf(!TOOLS.every(hasTool))(
  'finds the parts that an __except guards (needs clang-16, lld-link-16)',
  () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-seh-'))
    const run = (tool: string, ...args: string[]) => execFileSync(tool, args, { cwd: folder, stdio: 'pipe' })
    try {
      fs.writeFileSync(path.join(folder, 'seh.c'), SOURCE)
      fs.writeFileSync(path.join(folder, 'probe.c'), PROBE)
      const flags = [
        '--target=x86_64-pc-windows-msvc',
        '-O1',
        '-fms-extensions',
        '-fasynchronous-unwind-tables',
      ]
      for (const name of ['seh', 'probe'])
        run('clang-16', ...flags, '-ffreestanding', '-w', '-c', `${name}.c`, '-o', `${name}.obj`)
      run('lld-link-16', '/dll', '/noentry', '/nodefaultlib', '/out:seh.dll', 'seh.obj', 'probe.obj')
      const image = parsePe(fs.readFileSync(path.join(folder, 'seh.dll')))
      const guarded = (name: string) => callsTo(image, name, 'probe').map((rva) => isInTryExcept(image, rva))
      const names = ['excepted', 'filtered', 'finally', 'nested', 'plain']
      expect(Object.fromEntries(names.map((name) => [name, guarded(name)]))).toEqual({
        excepted: [true],
        filtered: [true],
        finally: [false],
        nested: [true],
        plain: [false],
      })
      expect(isInTryExcept(image, image.exports.get('excepted')!)).toBe(false)
      expect(isInTryExcept(image, image.exports.get('probe')!)).toBe(false)
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  },
)

// Machine code from assembler text by clang-16: the encodings under test are another's, not ours.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const CLANG = 'clang-16'
const OBJCOPY = 'llvm-objcopy-16'
export const ASSEMBLER = [CLANG, OBJCOPY]

/** The bytes of a source's .text; a mistake in it is thrown with the assembler's words. */
export function assemble(source: string): Uint8Array {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-asm-'))
  try {
    const input = path.join(folder, 'in.s')
    const object = path.join(folder, 'out.o')
    const text = path.join(folder, 'out.bin')
    fs.writeFileSync(input, source)
    execFileSync(CLANG, ['-target', 'x86_64-linux-gnu', '-c', input, '-o', object], { stdio: 'pipe' })
    execFileSync(OBJCOPY, ['-O', 'binary', '-j', '.text', object, text], { stdio: 'pipe' })
    return fs.readFileSync(text)
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

export const assembleFile = (name: string): Uint8Array =>
  assemble(fs.readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8'))

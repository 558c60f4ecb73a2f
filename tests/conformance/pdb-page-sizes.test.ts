// PDBs of every block size that a linker writes (/pdbpagesize), made by clang and lld-link from C of our own: the same content
// as with 4096.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import { PdbFile, unreadRecords } from '@dumpstack/symbols'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../e2e/cli.ts'
import { hasTool, toolOutput } from './tools.ts'

const CLANG = 'clang-16'
const LINK = 'lld-link-16'
const SOURCE = `
struct node { struct node *next; int value : 5; unsigned char name[16]; } head;
int second(int x) { return x + head.value; }
int entry(void) { return second(3); }
`

describe.skipIf(!hasTool(CLANG) || !hasTool(LINK))(`blocks of a PDB (needs ${CLANG} and ${LINK})`, () => {
  const folder = temporaryFolder()
  afterAll(() => folder.remove())
  const at = (name: string): string => path.join(folder.path, name)
  beforeAll(() => {
    writeFileSync(at('a.c'), SOURCE)
    toolOutput(CLANG, [
      '--target=x86_64-pc-windows-msvc',
      '-g',
      '-gcodeview',
      '-c',
      at('a.c'),
      '-o',
      at('a.obj'),
    ])
  })

  function contentOf(blockSize: number): object {
    const pdb = at(`${blockSize}.pdb`)
    toolOutput(LINK, [
      '/debug',
      '/entry:entry',
      '/subsystem:native',
      '/driver',
      '/nodefaultlib',
      `/pdbpagesize:${blockSize}`,
      `/pdb:${pdb}`,
      `/out:${at(`${blockSize}.sys`)}`,
      at('a.obj'),
    ])
    const source = new FileSource(pdb)
    const file = new PdbFile(source, pdb)
    expect(file.msf.blockSize).toBe(blockSize)
    const second = file.byName('second')!
    const content = {
      symbols: [...file.symbols()],
      types: [...file.typeNames()],
      node: file.typeByName('node'),
      line: file.lineAt(second.rva)?.line,
      locals: file.procedureAt(second.rva)?.locals,
      unread: unreadRecords(file),
    }
    source.close()
    return content
  }

  it.each([8192, 16384, 32768])('of %i bytes hold what blocks of 4096 do', (blockSize) => {
    const usual = contentOf(4096)
    expect(usual).toMatchObject({
      line: 3,
      node: { kind: 'struct', size: 32 },
      unread: { records: [], refused: [] },
    })
    expect(contentOf(blockSize)).toEqual(usual)
  })
})

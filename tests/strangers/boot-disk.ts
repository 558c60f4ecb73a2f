// A disk that SeaBIOS boots from: the boot sector of boot.s, which reads 64 sectors and writes them further back.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Settings } from '@dumpstack/machine'
import { FileDiskImage } from '@dumpstack/machine/node'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { hasQemu } from '../conformance/qtest.ts'
import { hasTool } from '../conformance/tools.ts'
import type { StrangersRow } from './controllers.ts'
import { type PcRun, runPc } from './qemu-pc.ts'

const DISK_BYTES = 32 * 2 ** 20
const COPIED_BYTES = 64 * 512
const COPY_AT = 2048 * 512
const RAM_BYTES = 64 * 2 ** 20
const content = Buffer.from(Uint8Array.from({ length: COPIED_BYTES }, (_, i) => (i * 7 + (i >> 8)) & 0xff))

const hasAssembler = (): boolean => ['clang-16', 'ld.lld-16'].every(hasTool)

/** Tests of SeaBIOS, skipped by name where it cannot run. */
export function describeSeaBios(
  tests: (boot: (row: StrangersRow, settings?: Partial<Settings>) => Promise<PcRun>) => void,
): void {
  const title = 'SeaBIOS (needs qemu-system-x86_64, clang-16 and lld-16)'
  describe.skipIf(!hasQemu() || !hasAssembler())(title, () => {
    let folder = ''
    let sector: Buffer
    beforeAll(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-seabios-'))
      sector = bootSector(folder)
    })
    afterAll(() => fs.rmSync(folder, { recursive: true }))
    tests((row, settings) => boot(folder, sector, row, settings))
  })
}

function bootSector(folder: string): Buffer {
  const source = fileURLToPath(new URL('boot.s', import.meta.url))
  const [object, binary] = [path.join(folder, 'boot.o'), path.join(folder, 'boot.bin')]
  execFileSync('clang-16', ['--target=i386-pc-none-elf', '-c', source, '-o', object])
  execFileSync('ld.lld-16', ['--oformat', 'binary', '-Ttext', '0x7c00', object, '-o', binary])
  return fs.readFileSync(binary)
}

/** What the boot sector reports; where it reports success the copy is on the disk. */
async function boot(
  folder: string,
  sector: Buffer,
  row: StrangersRow,
  settings: Partial<Settings> = {},
): Promise<PcRun> {
  const file = path.join(folder, 'boot.img')
  const image = FileDiskImage.create(file, DISK_BYTES)
  image.write(0, [sector, content])
  image.close()
  try {
    const qemu = ['-device', 'isa-debugcon,iobase=0xe9,chardev=console']
    const computer = { row, settings, image: file, ramBytes: RAM_BYTES, qemu }
    const run = await runPc({ ...computer, until: /\n/, timeoutMs: 40_000 })
    const copy = fs.readFileSync(file).subarray(COPY_AT, COPY_AT + COPIED_BYTES)
    expect(copy.equals(content)).toBe(run.console === 'READ WRITTEN\n')
    return run
  } finally {
    fs.rmSync(file)
  }
}

// SeaBIOS, the firmware that Debian's QEMU brings, finds our disk, boots from it, and reads and writes it by INT 13h.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { CONTROLLERS } from '@dumpstack/machine'
import { FileDiskImage } from '@dumpstack/machine/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasQemu } from '../conformance/qtest.ts'
import { hasTool } from '../conformance/tools.ts'
import { ROWS } from './controllers.ts'
import { runPc } from './qemu-pc.ts'

const DISK_BYTES = 32 * 2 ** 20
const COPIED_BYTES = 64 * 512
const RAM_BYTES = 64 * 2 ** 20
const TOOLS = ['clang-16', 'ld.lld-16']
const content = Buffer.from(Uint8Array.from({ length: COPIED_BYTES }, (_, i) => (i * 7 + (i >> 8)) & 0xff))

it('every controller has a row', () => {
  expect(ROWS.map(({ model }) => model)).toEqual(CONTROLLERS)
})

describe.skipIf(!hasQemu() || !TOOLS.every(hasTool))(
  'SeaBIOS (needs qemu-system-x86_64, clang-16 and lld-16)',
  () => {
    let folder = ''
    let sector: Buffer
    beforeAll(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-seabios-'))
      const source = fileURLToPath(new URL('boot.s', import.meta.url))
      const [object, binary] = [path.join(folder, 'boot.o'), path.join(folder, 'boot.bin')]
      execFileSync('clang-16', ['--target=i386-pc-none-elf', '-c', source, '-o', object])
      execFileSync('ld.lld-16', ['--oformat', 'binary', '-Ttext', '0x7c00', object, '-o', binary])
      sector = fs.readFileSync(binary)
    })
    afterAll(() => fs.rmSync(folder, { recursive: true }))

    it.each(ROWS)('boots from $model.kind, reads and writes 64 sectors', async (row) => {
      const file = path.join(folder, `${row.model.kind}.img`)
      const image = FileDiskImage.create(file, DISK_BYTES)
      image.write(0, [sector, content])
      image.close()
      const qemu = ['-device', 'isa-debugcon,iobase=0xe9,chardev=console']
      const { console, proxy } = await runPc({
        row,
        image: file,
        ramBytes: RAM_BYTES,
        qemu,
        until: /\n/,
        timeoutMs: 40_000,
      })
      expect(console).toBe('READ WRITTEN\n')
      const copy = Buffer.alloc(COPIED_BYTES)
      const written = fs.openSync(file, 'r')
      fs.readSync(written, copy, 0, COPIED_BYTES, 2048 * 512)
      fs.closeSync(written)
      expect(copy.equals(content)).toBe(true)
      const { stops, refusals, notModelled } = proxy.machine.evidence
      expect({ stops, refusals, notModelled }).toEqual({ stops: [], refusals: [], notModelled: [] })
    })
  },
)

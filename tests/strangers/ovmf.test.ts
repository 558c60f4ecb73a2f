// OVMF, the UEFI firmware of Debian, finds a file system on our disk, and its shell copies a file of 8 MB there and compares both.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasQemu } from '../conformance/qtest.ts'
import { hasTool, toolOutput } from '../conformance/tools.ts'
import { ROWS } from './controllers.ts'
import { hasDebian, MTOOLS, NEEDS, OVMF } from './debian.ts'
import { runPc } from './qemu-pc.ts'

const MIB = 2 ** 20
const DISK_BYTES = 64 * MIB
const PARTITION_AT = MIB
const PARTITION_SECTORS = (DISK_BYTES - 2 * MIB) / 512
const RAM_BYTES = 256 * MIB
const content = Buffer.from(Uint32Array.from({ length: 2 * MIB }, (_, i) => i * 0x9e3779b1).buffer)

describe.skipIf(!hasQemu() || !hasTool('sgdisk') || !hasDebian())(`OVMF (${NEEDS}, and gdisk)`, () => {
  let folder = ''
  let original = ''
  const mtools = (disk: string, name: string, ...words: string[]): void => {
    execFileSync(MTOOLS, ['-c', name, '-i', `${disk}@@${PARTITION_AT}`, ...words], { stdio: 'pipe' })
  }
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-ovmf-'))
    original = path.join(folder, 'disk.img')
    fs.writeFileSync(original, '')
    fs.truncateSync(original, DISK_BYTES)
    toolOutput('sgdisk', [
      `--new=1:${PARTITION_AT / 512}:+${PARTITION_SECTORS}`,
      '--typecode=1:ef00',
      original,
    ])
    const source = path.join(folder, 'source.bin')
    fs.writeFileSync(source, content)
    mtools(original, 'mformat', '-F', '-c', '1', '-T', String(PARTITION_SECTORS), '::')
    const script = fileURLToPath(new URL('startup.nsh', import.meta.url))
    mtools(original, 'mcopy', source, script, '::/')
  })
  afterAll(() => fs.rmSync(folder, { recursive: true }))

  it.each(ROWS)(
    'reads GPT and FAT of $model.kind, loads 8 MB and writes them',
    async (row) => {
      const file = path.join(folder, `${row.model.kind}.img`)
      fs.copyFileSync(original, file)
      const { console, proxy } = await runPc({
        row,
        image: file,
        ramBytes: RAM_BYTES,
        qemu: ['-bios', OVMF, '-serial', 'chardev:console'],
        until: null,
        timeoutMs: 150_000,
      })
      expect(console).toContain('no differences encountered')
      const copy = path.join(folder, `${row.model.kind}.bin`)
      mtools(file, 'mcopy', '::/copy.bin', copy)
      expect(fs.readFileSync(copy).equals(content)).toBe(true)
      const { stops, refusals, notModelled } = proxy.machine.evidence
      expect({ stops, refusals, notModelled }).toEqual({ stops: [], refusals: [], notModelled: [] })
    },
    160_000,
  )
})

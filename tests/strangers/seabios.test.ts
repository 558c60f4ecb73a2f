// SeaBIOS, the firmware that Debian's QEMU brings, finds our disk, boots from it, and reads and writes it by INT 13h.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { CONTROLLERS } from '@dumpstack/machine'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasQemu } from '../conformance/qtest.ts'
import { boot, bootSector, hasAssembler } from './boot-disk.ts'
import { ROWS } from './controllers.ts'

it('every controller has a row', () => {
  expect(ROWS.map(({ model }) => model)).toEqual(CONTROLLERS)
})

describe.skipIf(!hasQemu() || !hasAssembler())(
  'SeaBIOS (needs qemu-system-x86_64, clang-16 and lld-16)',
  () => {
    let folder = ''
    let sector: Buffer
    beforeAll(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-seabios-'))
      sector = bootSector(folder)
    })
    afterAll(() => fs.rmSync(folder, { recursive: true }))

    it.each(ROWS)('boots from $model.kind, reads and writes 64 sectors', async (row) => {
      const { console, proxy } = await boot(folder, sector, row)
      expect(console).toBe('READ WRITTEN\n')
      const { stops, refusals, notModelled } = proxy.machine.evidence
      expect({ stops, refusals, notModelled }).toEqual({ stops: [], refusals: [], notModelled: [] })
    })
  },
)

// SeaBIOS boots from our controllers with each setting that drivers are tried on, one at a time.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasQemu } from '../conformance/qtest.ts'
import { boot, bootSector, hasAssembler } from './boot-disk.ts'
import { ROWS } from './controllers.ts'

const TRIALS = ROWS.flatMap((row) =>
  Object.entries(row.model.settings).flatMap(([name, { trials }]) =>
    trials.map((value) => ({ row, kind: row.model.kind, name, value })),
  ),
)

describe.skipIf(!hasQemu() || !hasAssembler())(
  'SeaBIOS (needs qemu-system-x86_64, clang-16 and lld-16)',
  () => {
    let folder = ''
    let sector: Buffer
    beforeAll(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-settings-'))
      sector = bootSector(folder)
    })
    afterAll(() => fs.rmSync(folder, { recursive: true }))

    it.each(TRIALS)('boots from $kind with $name = $value', async ({ row, name, value }) => {
      const { console, proxy } = await boot(folder, sector, row, { [name]: value })
      const { stops, refusals } = proxy.machine.evidence
      expect(stops).toEqual([])
      if (row.exceeded.includes(name)) expect(refusals.length).toBeGreaterThan(0)
      else expect({ console, refusals }).toEqual({ console: 'READ WRITTEN\n', refusals: [] })
    })
  },
)

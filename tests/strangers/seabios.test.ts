// SeaBIOS, the firmware that Debian's QEMU brings, finds our disk, boots from it, and reads and writes it by INT 13h.
import { CONTROLLERS } from '@dumpstack/machine'
import { expect, it } from 'vitest'
import { describeSeaBios } from './boot-disk.ts'
import { ROWS } from './controllers.ts'

it('every controller has a row', () => {
  expect(ROWS.map(({ model }) => model)).toEqual(CONTROLLERS)
})

describeSeaBios((boot) => {
  it.each(ROWS)('boots from $model.kind, reads and writes 64 sectors', async (row) => {
    const { console, proxy } = await boot(row)
    expect(console).toBe('READ WRITTEN\n')
    const { stops, refusals, notModelled } = proxy.machine.evidence
    expect({ stops, refusals, notModelled }).toEqual({ stops: [], refusals: [], notModelled: [] })
  })
})

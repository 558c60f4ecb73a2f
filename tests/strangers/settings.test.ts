// SeaBIOS boots from our controllers with each setting that drivers are tried on, one at a time.
import { expect, it } from 'vitest'
import { describeSeaBios } from './boot-disk.ts'
import { ROWS } from './controllers.ts'

const TRIALS = ROWS.flatMap((row) =>
  Object.entries(row.model.settings).flatMap(([name, { trials }]) =>
    trials.map((value) => ({ row, kind: row.model.kind, name, value })),
  ),
)

describeSeaBios((boot) => {
  it.each(TRIALS)('boots from $kind with $name = $value', async ({ row, name, value }) => {
    const { console, proxy } = await boot(row, { [name]: value })
    const { stops, refusals } = proxy.machine.evidence
    expect(stops).toEqual([])
    if (row.exceeded.includes(name)) expect(refusals.length).toBeGreaterThan(0)
    else expect({ console, refusals }).toEqual({ console: 'READ WRITTEN\n', refusals: [] })
  })
})

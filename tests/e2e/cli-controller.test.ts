// `--controller`: the whole test over another controller, its stack, scenarios that concern the controller, and pairs that never were.
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { dumpstack, schemaViolation, temporaryFolder } from './cli.ts'

const VIRTIO = ['--controller', 'virtio-blk']
const folder = temporaryFolder()
afterAll(() => folder.remove())

// covers: KIT-18
it.each(['virtio-blk', 'nvme'])(
  'full, kernel and mini dumps pass through %s, and the result names it',
  (kind) => {
    const run = `run-${kind}`
    const args = ['test', '--ram', '64M', '--cpus', '2', '--controller', kind, '--out', run, '--json']
    const { code, stdout } = dumpstack(folder.path, ...args)
    expect(schemaViolation('docs/schema/test-result.schema.json', stdout)).toBe('')
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'pass',
      controller: `${kind}0`,
      violations: [],
      dumps: ['full', 'kernel', 'mini'].map((type) => ({
        type,
        verdict: 'pass',
        file: expect.stringContaining(path.join(run, type)),
        truth: { different: 0, missing: 0, extra: 0 },
        writtenBy: [{ device: `${kind}0`, fileOffset: '0x0' }],
      })),
    })
    expect(code).toBe(0)
  },
  60_000,
)

// covers: STACK-3
it('stack lists the images of the controller', () => {
  const { code, stdout } = dumpstack(folder.path, 'stack', ...VIRTIO, '--json')
  expect(code).toBe(0)
  const { controller, stack }: { controller: string; stack: { nameOnDisk: string; baseName: string }[] } =
    JSON.parse(stdout)
  expect(controller).toBe('virtio-blk0')
  const names = stack.map((row) => `${row.nameOnDisk} ${row.baseName}`)
  expect(names.filter((name) => name === 'viostor.sys dump_viostor.sys').length).toBe(2)
  expect(names.some((name) => name.includes('storahci'))).toBe(false)
})

it.each([
  ['wrong-bugcheck', 'faults', /dump_viostor\.sys/],
  ['no-dump-never-written', 'never ends a write', /the dump was never written/],
  ['other-controller', 'has a twin', /not written by virtio-blk0: .* by virtio-blk1/],
])(
  'scenario %s: a controller that %s fails',
  (scenario, _, text) => {
    const args = ['test', '--ram', '64M', '--dumps', 'kernel', ...VIRTIO, '--scenario', scenario, '--json']
    const { code, stdout } = dumpstack(folder.path, ...args, '--out', scenario)
    expect(stdout).toMatch(text)
    expect(code).toBe(1)
  },
  30_000,
)

it.each(['test', 'stack', 'check storahci.sys'])(
  '%s --profile win95 is wrong use, and lists what there is',
  (command) => {
    const { code, stdout, stderr } = dumpstack(folder.path, ...command.split(' '), '--profile', 'win95')
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toBe(
      "error: option '--profile <name>' argument 'win95' is invalid. Expected one of win10-19041.\n",
    )
  },
)

it.each([
  ['test', 'buslogic', 'vmscsi.sys is a 32-bit driver of the Windows 2000 to 2003 era'],
  ['test', 'pvscsi', 'pvscsi.sys is not modelled yet'],
  ['stack', 'floppy', 'no such controller is known'],
])('%s --controller %s is wrong use: %s', (command, controller, reason) => {
  const { code, stdout, stderr } = dumpstack(folder.path, command, '--controller', controller)
  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain(
    `error: --controller ${controller}: controller ${controller} does not go with win10-19041: ${reason}; expected ahci or nvme or virtio-blk`,
  )
})

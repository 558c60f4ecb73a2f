// `dumpstack test --driver FILE.sys`: a compiled miniport of the repository runs the disk and writes the dumps.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { dumpstack, repository, schemaViolation, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const MINIPORTS = path.join(repository, 'guest/miniports/bin')
const SMALL = ['--ram', '64M', '--cpus', '1']
const SCHEMA = 'docs/schema/test-result.schema.json'
const miniport = (name: string): string => path.join(MINIPORTS, name)
const testDriver = (driver: string, ...more: string[]) =>
  dumpstack(folder.path, 'test', ...SMALL, '--driver', driver, ...more)

// covers: KIT-1, KIT-74, STACK-3
it('passes full, kernel and mini dumps that a compiled driver wrote, and says which file it was', () => {
  const { code, stdout } = testDriver(miniport('dsahci.sys'), '--json', '--out', 'good')
  expect(schemaViolation(SCHEMA, stdout)).toBe('')
  const result = JSON.parse(stdout)
  expect(result).toMatchObject({ verdict: 'pass', executed: true, violations: [] })
  expect(result.driver).toMatchObject({ fileName: 'dsahci.sys', pdb: { name: 'dsahci.pdb', found: true } })
  expect(result.driver.sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(result.dumps.map((dump: { type: string }) => dump.type)).toEqual(['full', 'kernel', 'mini'])
  for (const dump of result.dumps) expect(dump.writtenBy).toMatchObject([{ device: 'ahci0' }])
  expect(code).toBe(0)
}, 120_000)

// covers: KIT-18
it('puts a driver on the controller that it drives', () => {
  const driver = miniport('dsvioblk.sys')
  const { code, stdout } = testDriver(driver, '--dumps', 'mini', '--json')
  expect(schemaViolation(SCHEMA, stdout)).toBe('')
  expect(JSON.parse(stdout)).toMatchObject({ verdict: 'pass', controller: 'virtio-blk0' })
  expect(code).toBe(0)
}, 60_000)

it('fails a driver that asks the registry in dump mode, by rule, call and function', () => {
  const driver = miniport('dsahci-b23.sys')
  const { code, stdout } = testDriver(driver, '--dumps', 'mini', '--json', '--out', 'bad')
  expect(schemaViolation(SCHEMA, stdout)).toBe('')
  const [violation] = JSON.parse(stdout).violations
  expect(violation).toMatchObject({ rule: 'DM-08', call: 'ZwOpenKey', driver: 'dump_dsahci-b23.sys' })
  expect(violation.stack[0]).toMatch(/^dump_dsahci-b23!ReadSettings\+0x/)
  expect(violation.stack[1]).toMatch(/^dump_dsahci-b23!AhciHwFindAdapter\+0x/)
  expect(violation.repro).toContain(`--driver ${JSON.stringify(driver)}`)
  expect(code).toBe(1)
}, 60_000)

it('sends the author of a driver that faults at its start to the command that says where', () => {
  const image = readFileSync(miniport('dsahci.sys'))
  const header = image.readUInt32LE(0x3c)
  const entry = image.readUInt32LE(header + 0x28)
  const sections = header + 0x18 + image.readUInt16LE(header + 0x14)
  const text = Array.from({ length: image.readUInt16LE(header + 6) }, (_, i) => sections + i * 40).find(
    (at) =>
      entry >= image.readUInt32LE(at + 12) &&
      entry < image.readUInt32LE(at + 12) + image.readUInt32LE(at + 8),
  )
  if (text === undefined) throw new Error('an entry point in no section')
  const offset = entry - image.readUInt32LE(text + 12) + image.readUInt32LE(text + 20)
  Buffer.from('890425f0debc0a', 'hex').copy(image, offset) // mov [0abcdef0h], eax
  writeFileSync(path.join(folder.path, 'faults.sys'), image)
  const { code, stderr } = testDriver('faults.sys', '--out', 'faults')
  expect(stderr).toMatch(/0xabcdef0, which is not mapped \(write\) in faults[+]0x.*\[GUEST_FAULT\]/)
  expect(stderr).toContain('dumpstack check')
  expect(code).toBe(1)
  const check = dumpstack(folder.path, 'check', 'faults.sys')
  expect(check.stdout).toMatch(/faults[.]sys[+!]/)
}, 60_000)

it('refuses a file that is no driver, and a PDB of another build', () => {
  writeFileSync(path.join(folder.path, 'text.sys'), 'hello')
  const text = dumpstack(folder.path, 'test', '--driver', 'text.sys')
  expect(text.stderr).toContain('[IMAGE_TRUNCATED]')
  expect(text.code).toBe(1)
  copyFileSync(miniport('dsahci.sys'), path.join(folder.path, 'storport.sys'))
  const taken = testDriver('storport.sys', '--out', 'taken')
  expect(taken.stderr).toContain('[DRIVER_NAME_TAKEN]')
  expect(taken.code).toBe(2)
  const other = dumpstack(
    folder.path,
    'test',
    '--driver',
    miniport('dsahci.sys'),
    '--pdb',
    miniport('dsvioblk.pdb'),
  )
  expect(other.stderr).toMatch(/--pdb .*dsvioblk.pdb is [0-9A-F]+, but dsahci.sys was built with [0-9A-F]+/)
  expect(other.code).toBe(2)
  expect(dumpstack(folder.path, 'test', '--pdb', 'x.pdb').code).toBe(2)
  const none = dumpstack(
    folder.path,
    'check',
    miniport('dsahci.sys'),
    '--pdb',
    miniport('dsahci.sys'),
    '--plan',
    'one',
  )
  expect(none.stderr).toContain('expected a PDB (MSF 7.00)')
  expect(none.code).toBe(2)
}, 60_000)

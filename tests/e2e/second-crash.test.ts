// A driver file that ends its dump leaves RAM for the debugger: what a test says of it, and what kd shows by the command that it names.
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { dumpstack, repository, schemaViolation, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const SCHEMA = 'docs/schema/test-result.schema.json'
const miniport = (name: string): string => path.join(repository, 'guest/miniports/bin', name)

/** The words of a command line in double quotes or without. */
const words = (command: string): string[] =>
  [...command.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word)

/** What kd prints for commands, by the command line that a report names. */
function debugged(command: string, commands: string): string {
  const [program, ...args] = words(command)
  expect(program).toBe('dumpstack')
  const { code, stdout, stderr } = dumpstack(folder.path, ...args, '-c', `${commands}; q`)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

it('shows a hang in the debugger: the routine with its line, its callers, the device extension', () => {
  const { code, stdout } = dumpstack(
    folder.path,
    ...['test', '--ram', '64M', '--cpus', '1', '--dumps', 'mini', '--out', 'hang', '--json'],
    ...['--driver', miniport('dsahci-b20.sys')],
  )
  expect(code).toBe(1)
  expect(schemaViolation(SCHEMA, stdout)).toBe('')
  const { violations, messages } = JSON.parse(stdout)
  expect(violations).toMatchObject([{ rule: 'DM-23', call: 'HwFindAdapter' }])
  const command: string = violations[0].debug
  expect(command).toContain(path.join('hang', 'mini', 'second-crash.dmp'))
  const said: string = messages.find(({ text }: { text: string }) => text.includes(command)).text
  const extension = /its device extension is at (0x[0-9a-f]+)/.exec(said)![1]!
  const file = path.join(folder.path, 'hang/mini/second-crash.dmp')
  expect(dumpstack(folder.path, 'verify', file).code).toBe(0)

  const text = debugged(command, `.bugcheck; r; k; lm; dt dump_dsahci_b20!_ADAPTER ${extension}; !analyze -v`)
  expect(text).toContain('Bugcheck code 000000E2')
  // the call of the query that never ends, in the loop of hba.c, below HwFindAdapter
  expect(text).toMatch(
    /dump_dsahci_b20!AhciTakeHba\+0x[0-9a-f]+ \[x:\\dumpstack\\miniports\\dsahci\\hba\.c @ \d+\]/,
  )
  expect(text).toMatch(
    /dump_dsahci_b20!AhciHwFindAdapter\+0x[0-9a-f]+ \[x:\\dumpstack\\miniports\\dsahci\\dsahci\.c @ 85\]/,
  )
  expect(text).toMatch(/\bcall\s+r15\b/)
  expect(text).toMatch(/dump_dsahci_b20\s+\(pdb symbols\)/)
  expect(text).toMatch(/IMAGE_NAME:\s+dump_dsahci-b20\.sys/)
  // the fields of the device extension, with values
  expect(text).toMatch(/\+0x000 \w+ +: .*\n.*\+0x008 \w+ +: /)
}, 120_000)

it('shows a second bugcheck at its instruction, and keeps the dump with the run', () => {
  const driver = miniport('dsvioblk-b17.sys')
  const { code, stdout } = dumpstack(
    folder.path,
    ...['test', '--ram', '64M', '--cpus', '1', '--dumps', 'full', '--out', 'fault', '--driver', driver],
  )
  expect(code).toBe(1)
  const command = /To see the driver where it stopped: (dumpstack kd .*) \(its device extension/.exec(
    stdout,
  )![1]!
  const text = debugged(command, '.bugcheck; k; dv; .frame 1; dv s*; !analyze -v')
  expect(text).toContain('Bugcheck code 0000001E')
  expect(text).toContain('KMODE_EXCEPTION_NOT_HANDLED')
  // a read of an address that is not canonical, as Windows shows it
  expect(text).toMatch(/Arguments 00000000`c0000005 \S+ 00000000`00000000 ffffffff`ffffffff/)
  expect(text).toMatch(/dump_dsvioblk_b17!VioRequestOf\+0x8/)
  expect(text).toMatch(
    /dump_dsvioblk_b17!VioReapQueue\+0x49 \[x:\\dumpstack\\miniports\\dsvioblk\\queue\.c @ 149\]/,
  )
  // where locals are: in the frame at fault, and what a call has kept in its caller's
  expect(text).toMatch(
    /prv param @rcx +Ptr64 _SCSI_REQUEST_BLOCK Srb = 0xa5a5a5a5`a5a5a5a5 _SCSI_REQUEST_BLOCK/,
  )
  expect(text).toMatch(/prv local @rbx +Ptr64 _QUEUE_STATE state = 0xffff\S+ _QUEUE_STATE/)
  expect(text).toMatch(/FAILURE_BUCKET_ID:\s+0x1E_c0000005_dump_dsvioblk_b17!VioRequestOf/)
  // the file is of the run: in its list, and in its journal by its place there
  const run = path.join(folder.path, 'fault')
  expect(existsSync(path.join(run, 'full/second-crash.dmp'))).toBe(true)
  expect(existsSync(path.join(run, 'full/second-crash.dmp.part'))).toBe(false)
  const list = readFileSync(path.join(run, 'dumpstack-run.jsonl'), 'utf8')
  expect(list).toContain('{"file":"full/second-crash.dmp"}')
  const journal = readFileSync(path.join(run, 'journal.jsonl'), 'utf8')
  expect(journal).toContain('"secondCrash":{"file":"full/second-crash.dmp","deviceExtension":"0x')
}, 120_000)

it('leaves RAM of a life of a check where it is asked for, in place of an earlier one alone', () => {
  const schema = 'docs/schema/check-result.schema.json'
  const check = (...more: string[]) =>
    dumpstack(
      folder.path,
      'check',
      miniport('dsahci-b14.sys'),
      '--plan',
      'one',
      '--second-crash',
      'left',
      ...more,
    )
  const [file] = ['left/dsahci-b14-second-crash.dmp']
  const before = check('--json', '--sarif', 'left.sarif')
  expect(schemaViolation(schema, before.stdout)).toBe('')
  expect(readdirSync(path.join(folder.path, 'left'))).toEqual(['dsahci-b14-second-crash.dmp'])
  const { findings } = JSON.parse(before.stdout)
  const [finding] = findings.filter(({ rule }: { rule: string }) => rule === 'DM-09')
  expect(finding.secondCrash).toMatchObject({ file, command: expect.stringContaining(`-z "${file}"`) })
  const [run] = JSON.parse(readFileSync(path.join(folder.path, 'left.sarif'), 'utf8')).runs
  const result = run.results.find(({ ruleId }: { ruleId: string }) => ruleId === 'DM-09')
  expect(result.properties.secondCrash).toEqual(finding.secondCrash)
  // at the entry of the routine that has returned, with the device extension as its argument
  const { command, deviceExtension } = finding.secondCrash
  const text = debugged(command, `k; r; dt dump_dsahci_b14!_ADAPTER ${deviceExtension}`)
  expect(text).toMatch(
    /dump_dsahci_b14!AhciHwInitialize \[x:\\dumpstack\\miniports\\dsahci\\dsahci\.c @ 105\]/,
  )
  expect(text).toContain(`rcx=${deviceExtension.slice(2)}`)
  const first = readFileSync(path.join(folder.path, file!))

  const again = check()
  expect(again.code).toBe(1)
  expect(again.stdout).toContain(`debug: ${command}`)
  expect(readFileSync(path.join(folder.path, file!)).equals(first)).toBe(true)

  // a dump that is no output of this option, and a link to one that is
  writeFileSync(path.join(folder.path, 'left/dsahci-b14-second-crash-2.dmp'), `PAGEDU64${'x'.repeat(9000)}`)
  const refused = check()
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain('dsahci-b14-second-crash-2.dmp is there already')
  writeFileSync(path.join(folder.path, 'left/dsahci-b14-second-crash-2.dmp'), '')
  symlinkSync('dsahci-b14-second-crash.dmp', path.join(folder.path, 'left/x-second-crash.dmp'))
  const linked = check()
  expect(linked.code).toBe(2)
  expect(linked.stderr).toContain('is a link')
}, 180_000)

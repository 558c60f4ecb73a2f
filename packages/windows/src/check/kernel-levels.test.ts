// Routines of the kernel that are documented for a lower level than that of a dump, called by guest code in both lives: modelled or not, such
// a call is a finding in a dump, and fails there.
import { buildPe } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { at, portCallsWith, type Step } from './port-calls.test-support.ts'

const machineWith = portCallsWith(buildPe)

describe('in a dump', () => {
  it.each<readonly [rule: string, step: Step, answer: bigint]>([
    ['DM-08', ['KeDelayExecutionThread', 0, 0, at(0)], 0xc0000001n],
    ['DM-08', ['KeWaitForSingleObject', at(0), 0, 0, 0, at(0x20)], 0xc0000001n],
    ['DM-08', ['KeWaitForMultipleObjects', 1, at(0), 0, 0, 0, 0, 0, 0], 0xc0000001n],
    ['DM-08', ['IoAllocateWorkItem', at(0)], 0n],
    ['DM-08', ['IoQueueWorkItem', at(0), 0, 1, 0], 0n],
    ['DM-08', ['MmMapIoSpace', 0xfebd0000, 0x1000, 0], 0n],
    ['DM-08', ['PsCreateSystemThread', at(0), 0, 0, 0, 0, at(0), 0], 0xc0000001n],
    ['DM-08', ['ZwOpenKey', at(0), 0x20019, at(8)], 0xc0000001n],
    ['DM-08', ['ZwQueryValueKey', 4, at(0), 2, at(0), 0, at(0)], 0xc0000001n],
    ['DM-14', ['ExAllocatePoolWithTag', 0x200, 0x100, 0x31323334], 0n],
    ['DM-16', ['ExFreePoolWithTag', at(0), 0x31323334], 0n],
    ['DM-22', ['KeSetTimer', at(0), -10_000n, 0], 0n],
  ])('it is %s, and the call %s fails', (rule, step, answer) => {
    const calls = machineWith({ findAdapter: [step] }).crash()
    const [name] = step as readonly [string] // each row is a call
    expect(calls.findings).toContain(`${rule} ${name}`)
    const violation = calls.report!.violations.find(({ call }) => call === name)!
    expect(violation.message).toMatch(
      / was called in HwFindAdapter at HIGH_LEVEL, expected at most [A-Z]+_LEVEL/,
    )
    expect(violation.stack?.[0]).toMatch(/^dump_calls\+/)
    expect(calls.result(0)).toBe(answer)
  })
})

it('a routine without a level that is not modelled ends a dump as not judged', () => {
  const calls = machineWith({ findAdapter: [['HalNameThatNoTableHas', 1]] }).crash()
  expect(calls.report?.notJudged).toBe('UNKNOWN_IMPORT')
})

it('the same call ends the running system as not judged where it is not modelled, and names the routine', () => {
  const calls = machineWith({ findAdapter: [['ZwLoadDriver', at(0)]] }).run()
  expect(calls.error).toMatchObject({
    code: 'UNKNOWN_IMPORT',
    message: expect.stringContaining('ZwLoadDriver'),
  })
})

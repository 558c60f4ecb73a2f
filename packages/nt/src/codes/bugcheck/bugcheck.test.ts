import { describe, expect, it } from 'vitest'
import {
  BUGCHECK_TABLES,
  bugcheckName,
  describeBugcheck,
  isLiveDumpCode,
  parameterOfKind,
} from './bugcheck.ts'
import { LIVE_DUMP_NAMES } from './live-dump-names.ts'
import { BUGCHECK_NAMES } from './names.ts'

const UNUSED = [0n, 0n, 0n, 0n] as const

describe('names', () => {
  it.each([
    [0xe2, 'MANUALLY_INITIATED_CRASH'],
    [0xd1, 'DRIVER_IRQL_NOT_LESS_OR_EQUAL'],
    [0x1000007e, 'SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M'],
    [0x100000ea, 'THREAD_STUCK_IN_DEVICE_DRIVER_M'],
    [0x1c8, 'MANUALLY_INITIATED_POWER_BUTTON_HOLD'],
    [0x1d0, 'ACPI_FIRMWARE_WATCHDOG_TIMEOUT'],
    [0x141, 'VIDEO_ENGINE_TIMEOUT_DETECTED'],
    [0x161, 'LIVE_SYSTEM_DUMP'],
    [0x1a1, 'WIN32K_CALLOUT_WATCHDOG_LIVEDUMP'],
    [0x20001, 'HYPERVISOR_ERROR'],
    [0xc000021a, 'WINLOGON_FATAL_ERROR'],
    [0xdeaddead, 'MANUALLY_INITIATED_CRASH1'],
    [0x4dead, null],
    [0, null],
  ])('bugcheck 0x%x is %s', (code, name) => {
    expect(bugcheckName(code)).toBe(name)
  })

  it('are as many as the two references list, none of them twice', () => {
    const codes = [...BUGCHECK_NAMES.keys(), ...LIVE_DUMP_NAMES.keys()]
    expect(new Set(codes).size).toBe(codes.length)
    // 379 rows less the four variants with bit 28 and the live dumps 0x117 and 0x187, more 0xAB and 0xA0000001: 375. 47 live dumps.
    expect([BUGCHECK_NAMES.size, LIVE_DUMP_NAMES.size]).toEqual([375, 47])
    const names = [...BUGCHECK_NAMES.values(), ...LIVE_DUMP_NAMES.values()]
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[A-Z][A-Z0-9_]+$/)
  })

  it('tell a live dump from a crash', () => {
    expect([0x161, 0x141, 0x193, 0x124, 0x144, 0xe2].map(isLiveDumpCode)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ])
  })
})

describe('parameters', () => {
  const described = BUGCHECK_TABLES.flatMap((table) => Object.entries(table)).map(
    ([code, meaning]) => [Number(code), meaning] as const,
  )

  it('are described for the eighty most common bugchecks and more, each once and by a code that has a name', () => {
    const codes = described.map(([code]) => code)
    expect(new Set(codes).size).toBe(codes.length)
    expect(codes.filter((code) => bugcheckName(code) === null)).toEqual([])
    expect(codes.length).toBeGreaterThanOrEqual(100)
  })

  it.each(described)('of bugcheck 0x%x are four, in whole words', (_, meaning) => {
    expect(meaning.text).toMatch(/^[A-Z][^\n]*\.$/)
    const cases = Object.values(meaning.cases ?? {})
    for (const { text } of cases) expect(text).toMatch(/^[^\n]*[^.\n]$/)
    for (const parameters of [meaning.parameters, ...cases.map((found) => found.parameters)]) {
      expect(parameters).toHaveLength(4)
      for (const { kind, text, values } of parameters) {
        expect(text).toMatch(/^[^\n]*[^.\n]$/)
        expect(text === 'reserved').toBe(kind === 'reserved')
        for (const word of Object.values(values ?? {})) expect(word).not.toBe('')
      }
    }
  })

  it('of an access name the IRQL, the access and the code at fault', () => {
    const description = describeBugcheck(0xd1, [0x10n, 2n, 8n, 0xfffff80412345678n])!
    expect(description.parameters.map(({ kind, decoded }) => [kind, decoded])).toEqual([
      ['address', null],
      ['irql', 'DISPATCH_LEVEL'],
      ['access', 'execute'],
      ['instruction', null],
    ])
    expect(parameterOfKind(description, 'instruction')).toBe(0xfffff80412345678n)
    expect(parameterOfKind(description, 'context')).toBeNull()
  })

  it.each([
    // The reference: 0x50 since Windows 10 (1507) has a write as 2; before that as 1.
    [0x50, 1, 0n, 'read'],
    [0x50, 1, 1n, 'write'],
    [0x50, 1, 2n, 'write'],
    [0x50, 1, 0x10n, 'execute'],
    [0x0a, 2, 8n, 'execute'],
    [0xd1, 2, 2n, 'execute'],
    [0xd5, 1, 1n, 'write'],
    [0x50, 1, 0x77n, null],
  ])('of bugcheck 0x%x at %i: access %i is %s', (code, index, value, access) => {
    const parameters = [...UNUSED].map((zero, at) => (at === index ? value : zero))
    expect(describeBugcheck(code, parameters)!.parameters[index]!.decoded).toBe(access)
  })

  it('of an exception name its code, sign-extended or not, and lead to its records', () => {
    for (const status of [0xc0000005n, 0xffffffffc0000005n]) {
      const description = describeBugcheck(0x1000007e, [status, 1n, 2n, 3n])!
      expect(description.parameters[0]!.decoded).toBe('STATUS_ACCESS_VIOLATION')
      expect(parameterOfKind(description, 'exceptionRecord')).toBe(2n)
      expect(parameterOfKind(description, 'context')).toBe(3n)
    }
    const raised = describeBugcheck(0x1e, [0xffffffffc0000005n, 1n, 1n, 0x20n])!
    expect(raised.parameters.slice(2).map(({ kind, decoded }) => [kind, decoded])).toEqual([
      ['access', 'write'],
      ['address', null],
    ])
    expect(describeBugcheck(0x1e, [0x80000003n, 1n, 0n, 0n])!.parameters[2]!.kind).toBe('number')
  })

  it.each([
    [
      0x1a,
      [0x41792n, 1n, 2n, 0n],
      /page-table entry is corrupt/,
      ['code', 'pte', 'pteContents', 'pteContents'],
    ],
    [0x1a, [0x41287n, 1n, 0n, 0n], /working set was locked/, ['code', 'address', 'reserved', 'reserved']],
    [0x9f, [3n, 1n, 2n, 3n], /blocks a request/, ['code', 'deviceObject', 'object', 'irp']],
    [0xc2, [7n, 0n, 1n, 2n], /free already/, ['code', 'reserved', 'number', 'address']],
    [0xc1, [1n, 2n, 0n, 0x23n], /near the block/, ['address', 'address', 'reserved', 'code']],
    [
      0xc4,
      [0x2000n, 1n, 512n, 0x74736554n],
      /can be executed/,
      ['code', 'moduleAddress', 'poolType', 'poolTag'],
    ],
    [
      0xc4,
      [0x91001n, 1n, 2n, 3n],
      /a rule of the driver interfaces/,
      ['code', 'asciiString', 'object', 'object'],
    ],
    [0x77, [1n, 2n, 0n, 3n], /came from a disk/, ['code', 'number', 'reserved', 'address']],
    [0x7a, [3n, 0xc000009cn, 1n, 2n], /lock was held/, ['code', 'ntstatus', 'object', 'address']],
    [0x7a, [3n, 0xc000009cn, 0n, 2n], /lock was held/, ['code', 'ntstatus', 'reserved', 'address']],
    [0x12b, [1n, 2n, 3n, 4n], /compressed page/, ['number', 'bytes', 'address', 'address']],
    [0x133, [1n, 2n, 3n, 0n], /DISPATCH_LEVEL or above/, ['code', 'time', 'object', 'reserved']],
  ] as const)('of bugcheck 0x%x with %s follow the kind of violation', (code, parameters, text, kinds) => {
    const description = describeBugcheck(code, parameters)!
    expect(description.caseText).toMatch(text)
    expect(description.parameters.map(({ kind }) => kind)).toEqual(kinds)
  })

  it('of a status that is no special case are those of the read', () => {
    const inpage = describeBugcheck(0x77, [0xc000009cn, 0xc000009cn, 0n, 0x1234000n])!
    expect(inpage.caseText).toBeNull()
    expect(inpage.parameters[0]!.decoded).toBe('STATUS_DEVICE_DATA_ERROR')
    const entry = describeBugcheck(0x7a, [
      0xfffff68000001000n,
      0xffffffffc000000en,
      0x1000n,
      0xfffff78000000000n,
    ])!
    expect(entry.parameters.map(({ kind }) => kind)).toEqual(['pte', 'ntstatus', 'pteContents', 'address'])
  })

  it('say nothing of a kind that is not documented', () => {
    const description = describeBugcheck(0x1a, [0x12345678n, 1n, 2n, 3n])!
    expect(description.caseText).toBeNull()
    expect(description.parameters.slice(1).map(({ kind }) => kind)).toEqual([
      'reserved',
      'reserved',
      'reserved',
    ])
    expect(describeBugcheck(0x1a, [2n ** 64n - 1n, 1n, 2n, 3n])!.caseText).toBeNull()
    expect(describeBugcheck(0x4dead, UNUSED)).toBeNull()
  })

  it('put enumerations, tags and places in a source into words', () => {
    const words = (code: number, parameters: readonly bigint[]) =>
      describeBugcheck(code, parameters)!.parameters.map(({ decoded }) => decoded)
    expect(words(0x139, [3n, 0n, 0n, 0n])[0]).toMatch(/list entry is corrupt/)
    expect(words(0x109, [0n, 0n, 0n, 0x19n])[3]).toBe('the list of loaded modules')
    expect(words(0xc2, [0x0an, 1n, 0x7473_6554n, 0x03n]).slice(2)).toEqual(["'Test'", null])
    expect(words(0x24, [0x001a_0333n, 0n, 0n, 0n])[0]).toBe('file 0x1a, line 819')
    expect(words(0x116, [0n, 0n, 0xffffffffc000009an, 4n])[2]).toBe('STATUS_INSUFFICIENT_RESOURCES')
  })
})

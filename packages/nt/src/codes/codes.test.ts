import { expect, it } from 'vitest'
import { HRESULT_SHARING_VIOLATION, hresultText } from './hresult.ts'
import { irqlText } from './irql.ts'
import { ntstatusName } from './ntstatus.ts'

it('knows the text of the errors that a failed copy of the dump ends in', () => {
  expect(hresultText(0x80070020)).toMatch(/used by another process/)
  expect(hresultText(HRESULT_SHARING_VIOLATION)).toBe(hresultText(0x80070020))
  expect(hresultText(0x80004005)).toBeNull()
})

it.each([
  [0xc0000005, 'STATUS_ACCESS_VIOLATION'],
  [-0x3ffffffb, 'STATUS_ACCESS_VIOLATION'],
  [0xc000009c, 'STATUS_DEVICE_DATA_ERROR'],
  [0x80000003, 'STATUS_BREAKPOINT'],
  [0, 'STATUS_SUCCESS'],
  [0xdeadbeef, null],
])('status 0x%x is %s', (status, name) => {
  expect(ntstatusName(status)).toBe(name)
})

it('names the IRQLs that have one', () => {
  expect([0, 1, 2, 5, 13, 15].map(irqlText)).toEqual([
    'PASSIVE_LEVEL',
    'APC_LEVEL',
    'DISPATCH_LEVEL',
    '5',
    'CLOCK_LEVEL',
    'HIGH_LEVEL',
  ])
})

import { expect, it } from 'vitest'
import { bugcheckName } from './bugcheck.ts'
import { HRESULT_SHARING_VIOLATION, hresultText } from './hresult.ts'

it.each([
  [0xe2, 'MANUALLY_INITIATED_CRASH'],
  [0xd1, 'DRIVER_IRQL_NOT_LESS_OR_EQUAL'],
  [0x1000007e, 'SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M'],
  [0x1c8, 'MANUALLY_INITIATED_POWER_BUTTON_HOLD'],
  [0x4dead, null],
])('bugcheck 0x%x is %s', (code, name) => {
  expect(bugcheckName(code)).toBe(name)
})

it('knows the text of the errors that a failed copy of the dump ends in', () => {
  expect(hresultText(0x80070020)).toMatch(/used by another process/)
  expect(hresultText(HRESULT_SHARING_VIOLATION)).toBe(hresultText(0x80070020))
  expect(hresultText(0x80004005)).toBeNull()
})

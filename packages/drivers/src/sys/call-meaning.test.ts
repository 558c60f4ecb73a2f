// After the SCSI_NOTIFICATION_TYPE and STORPORT_FUNCTION_CODE pages of the kit's documentation.
import { expect, it } from 'vitest'
import { callMeaning } from './call-meaning.ts'

it.each([
  ['StorPortNotification', 0n, { name: 'RequestComplete', argumentCount: 3 }],
  ['StorPortNotification', 0xdead_beef_0000_1003n, { name: 'AcquireSpinLock', argumentCount: 5 }],
  ['StorPortExtendedFunction', 0n, { name: 'AllocatePool', argumentCount: 5 }],
  ['StorPortNotification', 0xffffffffn, null],
  ['StorPortGetBusData', 0n, null],
])('%s with 0x%s', (name, first, meaning) => {
  expect(callMeaning(name, first)).toEqual(meaning)
})

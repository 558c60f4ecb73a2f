import { expect, it } from 'vitest'
import { senseText } from './sense-names.ts'

const textOf = (...bytes: readonly number[]) => senseText(new DataView(Uint8Array.from(bytes).buffer))
const fixed = (key: number, code: number, qualifier: number, response = 0x70) =>
  textOf(response, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0)

it.each([
  [fixed(3, 0x11, 0), 'MEDIUM ERROR (0x3), UNRECOVERED READ ERROR (0x11, 0x0)'],
  [fixed(5, 0x21, 0), 'ILLEGAL REQUEST (0x5), LOGICAL BLOCK ADDRESS OUT OF RANGE (0x21, 0x0)'],
  [fixed(6, 0x29, 2), 'UNIT ATTENTION (0x6), SCSI BUS RESET OCCURRED (0x29, 0x2)'],
  // information valid, an error of an earlier command, and a bit beside the key
  [fixed(0x24, 0x44, 0, 0xf1), 'HARDWARE ERROR (0x4), INTERNAL TARGET FAILURE (0x44, 0x0)'],
  [fixed(11, 0x80, 7), 'ABORTED COMMAND (0xb), additional sense (0x80, 0x7)'],
  [textOf(0x72, 0x05, 0x24, 0x00, 0, 0, 0, 0), 'ILLEGAL REQUEST (0x5), INVALID FIELD IN CDB (0x24, 0x0)'],
  [textOf(0x70, 0, 2), 'NOT READY (0x2), NO ADDITIONAL SENSE INFORMATION (0x0, 0x0)'],
  [textOf(0xa5, 0xa5, 0xa5), null],
  [textOf(), null],
])('%j', (found, text) => {
  expect(found).toBe(text)
})

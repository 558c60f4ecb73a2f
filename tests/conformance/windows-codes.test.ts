// A second opinion on names of bugchecks and status values: the public headers of mingw-w64 (Debian: mingw-w64-common).
import fs from 'node:fs'
import { bugcheckName, ntstatusName } from '@dumpstack/nt'
import { expect, it } from 'vitest'

const INCLUDE = '/usr/share/mingw-w64/include'
const hasHeaders = fs.existsSync(`${INCLUDE}/bugcodes.h`) && fs.existsSync(`${INCLUDE}/ntstatus.h`)

/** The constants of a header: value -> names. */
function constants(file: string, pattern: RegExp): Map<number, string[]> {
  const found = new Map<number, string[]>()
  for (const [, name, value] of fs.readFileSync(`${INCLUDE}/${file}`, 'latin1').matchAll(pattern)) {
    const code = Number(value)
    found.set(code, [...(found.get(code) ?? []), name!])
  }
  return found
}

/** Where Microsoft's pages say otherwise than the header, or have none. */
const OTHERWISE = new Map<number, string | null>([
  [0x00, null], // UNDEFINED_BUG_CODE is no bugcheck
  [0x1d, 'NO_SPIN_LOCK_AVAILABLE'],
  [0xc3, null],
  [0xe5, null],
  [0xfa, 'HTTP_DRIVER_CORRUPTED'], // the header repeats the name of 0xDF
])
/** Above it the header has texts of the boot screen; the variants with bit 28 follow. */
const LAST_CODE = 0xfff

it.skipIf(!hasHeaders)('bugcheck names agree with bugcodes.h (needs mingw-w64-common)', () => {
  const header = constants('bugcodes.h', /#define\s+(\w+)\s+\(\(ULONG\)(0x[0-9a-f]+)\)/gi)
  const codes = [...header.keys()].filter((code) => code <= LAST_CODE || code >>> 28 === 1)
  expect(codes.length).toBeGreaterThan(160)
  const expected = (code: number) => (OTHERWISE.has(code) ? OTHERWISE.get(code) : header.get(code)![0])
  expect(codes.map((code) => [code, bugcheckName(code)])).toEqual(codes.map((code) => [code, expected(code)]))
})

it.skipIf(!hasHeaders)('status names agree with ntstatus.h (needs mingw-w64-common)', () => {
  const header = constants('ntstatus.h', /#define\s+(\w+)\s+\(\(NTSTATUS\)\s*(0x[0-9A-F]+)\)/gi)
  const known = [...header].filter(([code]) => ntstatusName(code) !== null)
  expect(known.length).toBeGreaterThan(150)
  for (const [code, names] of known) expect(names).toContain(ntstatusName(code))
})

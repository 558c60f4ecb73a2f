// What memory of the dump path holds before a driver gets it: never zeros to rely on (B17).
import { hex } from '@dumpstack/bytes'

export const DUMP_MEMORY_PATTERN = 0xa5

const BYTES = 8
/** An address with so many bytes of the pattern was read from such memory; the others are an offset added to it. */
const TELLING_BYTES = 5

/** For the message of a fault at an address that was made of the pattern; empty for any other. */
export function patternHint(address: bigint): string {
  let found = 0
  for (let shift = 0; shift < BYTES * 8; shift += 8) {
    if (Number((address >> BigInt(shift)) & 0xffn) === DUMP_MEMORY_PATTERN) found++
  }
  return found < TELLING_BYTES
    ? ''
    : `; ${hex(DUMP_MEMORY_PATTERN)} is what memory holds in dump mode that the driver has not written: only its device extension is cleared`
}

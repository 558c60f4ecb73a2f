// Every block of memory that a mini dump must hold is in the file, whole.
import { hex } from '@dumpstack/bytes'
import { FIRST_NAMED } from '../compare-truth.ts'
import { andMore, type BlockDump, counted, type DumpCheck, fail, pass } from './check.ts'

export const promisedBlocks: DumpCheck<BlockDump> = {
  id: 'promisedBlocks',
  judge({ comparison, evidence }) {
    const promised = counted(evidence.promisedBlocks.length, 'promised block')
    const { missing } = comparison
    if (missing.length === 0) return pass(`${promised}, all in the dump`)
    const named = missing
      .slice(0, FIRST_NAMED)
      .map(({ what, address, byteLength }) => `${what} (${byteLength} bytes at ${hex(address)})`)
    return fail(
      `${missing.length} of ${promised} missing: ${named.join('; ')}${andMore(missing.length, named.length)}`,
      missing.slice(0, FIRST_NAMED).map(({ address, byteLength }) => ({
        expected: `${byteLength} bytes at ${hex(address)}`,
      })),
    )
  },
}

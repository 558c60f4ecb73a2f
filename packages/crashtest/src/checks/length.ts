// The file is as long as its own header says: a dump that was cut off still opens, and its first half is as good as ever.
// What header, bitmap or the pools of a mini dump ask for is dumpfile's to know (verify, file-size).
import type { VerifyReport } from '@dumpstack/dumpfile'
import { fail, type Judgement, pass } from './check.ts'

export const length = {
  id: 'length',
  judge({ byteLength, checks }: Pick<VerifyReport, 'byteLength' | 'checks'>): Judgement {
    const size = checks.find(({ id, verdict }) => id === 'file-size' && verdict === 'fail')
    const stated = Number(size?.expected)
    if (size === undefined || !Number.isSafeInteger(stated)) {
      return pass(`${byteLength} bytes, as long as its header says`)
    }
    return fail(
      `the file is cut off: it is ${byteLength} bytes long, its header says ${stated}, ${stated - byteLength} bytes are missing`,
      [{ fileOffset: byteLength, found: String(byteLength), expected: String(stated) }],
    )
  },
}

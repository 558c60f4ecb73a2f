// The kernel and every image of the dump stack stand in the dump's own module list.
import { moduleFileName } from '@dumpstack/dumpfile'
import { counted, type DumpCheck, fail, pass } from './check.ts'

export const images: DumpCheck = {
  id: 'images',
  judge({ report, evidence }) {
    const present = new Set(report.loaded.map((module) => moduleFileName(module).toLowerCase()))
    const absent = evidence.images.filter((name) => !present.has(name.toLowerCase()))
    if (absent.length > 0) {
      return fail(`the module list of ${counted(present.size, 'image')} lacks ${absent.join(', ')}`, [
        { found: [...present].join(' '), expected: absent.join(' ') },
      ])
    }
    return pass(
      `${counted(evidence.images.length, 'kernel and dump image')} in the module list of ${present.size}`,
    )
  },
}

// The module list of a dump from elsewhere begins with the kernel and holds the crash dump stack that wrote the dump:
// crashdmp.sys and drivers under the prefix dump_, as every dump of Windows Vista and later does.
import { moduleFileName } from '@dumpstack/dumpfile'
import { counted, fail, type LabDumpCheck, pass } from './check.ts'

const KERNEL = 'ntoskrnl.exe'
const BROKER = 'crashdmp.sys'
const DUMP_DRIVER = /^dump_/i

export const dumpStackListed: LabDumpCheck = {
  id: 'images',
  judge({ report }) {
    const names = report.loaded.map((module) => moduleFileName(module).toLowerCase())
    if (names.length === 0) return fail('the module list is empty')
    const absent = [
      ...(names[0] === KERNEL ? [] : [`${KERNEL} at its head`]),
      ...(names.includes(BROKER) ? [] : [BROKER]),
      ...(names.some((name) => DUMP_DRIVER.test(name)) ? [] : ['a driver dump_*']),
    ]
    const list = `the module list of ${counted(names.length, 'image')}`
    if (absent.length > 0)
      return fail(`${list} lacks ${absent.join(', ')}`, [{ expected: absent.join(', ') }])
    const drivers = names.filter((name) => DUMP_DRIVER.test(name))
    return pass(`${list} holds ${KERNEL}, ${[BROKER, ...drivers].join(', ')}`)
  },
}

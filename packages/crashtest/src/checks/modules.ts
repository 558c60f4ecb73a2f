// The debugger's list of modules: every image that the test knows to be loaded, and in a dump of pages the list itself, walked
// from nt!PsLoadedModuleList by the kernel's own types, equal to what the debugger shows.
import { hex64 } from '@dumpstack/bytes'
import { KernelType, listEntries, type Session } from '@dumpstack/debugger'
import * as messages from '../messages.ts'
import { andMore, counted, type Judgement } from './check.ts'
import { type DebuggerCheck, kernelWithSymbols } from './debugger-check.ts'

const WHAT = 'the list of modules'
const NAMED = 4
/** A list with more modules than this is damaged. */
const MAX_MODULES = 0x1000

export const modules: DebuggerCheck = {
  id: 'modules',
  async judge(debugged) {
    const { session, dump, evidence } = debugged
    const listed = session.modules.all.filter(({ isUser }) => !isUser)
    const wrong = session.modulesDamage === null ? [] : [session.modulesDamage]
    if (listed.length === 0 && wrong.length === 0) wrong.push('it is empty')
    const present = new Set(listed.map(({ imageName }) => imageName.toLowerCase()))
    const absent = (evidence?.images ?? []).filter((name) => !present.has(name.toLowerCase()))
    if (absent.length > 0) wrong.push(`it lacks ${absent.join(', ')}`)
    if (wrong.length > 0) return bad(wrong)
    // A mini dump has a list of its own in place of the kernel's.
    if (dump.triage !== undefined) return good(`${counted(listed.length, 'module')}`)
    const kernel = kernelWithSymbols(debugged)
    if (typeof kernel === 'string') {
      return {
        verdict: 'inconclusive',
        message: `${WHAT} cannot be walked by the kernel's types: ${kernel}`,
        unableToGet: [`${WHAT} (nt!PsLoadedModuleList)`],
      }
    }
    const walked = await walk(session)
    const shown = listed.map(({ base, loaded }) => row(loaded.baseName, base, loaded.size))
    for (let index = 0; index < Math.max(walked.length, shown.length); index++) {
      if (walked[index] === shown[index]) continue
      wrong.push(
        `module ${index} is ${walked[index] ?? 'absent'} by the kernel's types, ${shown[index] ?? 'absent'} as read`,
      )
    }
    return wrong.length > 0
      ? bad(wrong)
      : good(`${counted(listed.length, 'module')}, by the kernel's types too`)
  },
}

async function walk(session: Session): Promise<string[]> {
  const type = await KernelType.load(session, '_LDR_DATA_TABLE_ENTRY')
  const head = session.kernel.byName('PsLoadedModuleList') ?? session.system.psLoadedModuleList
  const rows: string[] = []
  for (const address of listEntries(session.memory, head, type.offset('InLoadOrderLinks'), MAX_MODULES)) {
    await session.step()
    const entry = type.at(session.memory, address)
    rows.push(row(entry.unicode('BaseDllName') ?? '', entry.value('DllBase'), entry.number('SizeOfImage')))
  }
  return rows
}

const row = (name: string, base: bigint, size: number): string =>
  `${name} at ${hex64(base)} of 0x${size.toString(16)} bytes`

const good = (message: string): Judgement => ({ verdict: 'pass', message })

function bad(wrong: readonly string[]): Judgement {
  const message = `${WHAT}: ${wrong.slice(0, NAMED).join('; ')}${andMore(wrong.length, NAMED)}`
  return { verdict: 'fail', message, says: [messages.unableToGet(message)] }
}

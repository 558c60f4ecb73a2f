// The addresses that a debugger starts from: by the kernel's symbols they are where the dump's header and its debugger data
// say they are. Header and data were written by the system, the symbols come from outside.
import { hex64 } from '@dumpstack/bytes'
import type { Session } from '@dumpstack/debugger'
import * as messages from '../messages.ts'
import { andMore, type Judgement, type Place } from './check.ts'
import { type DebuggerCheck, kernelWithSymbols } from './debugger-check.ts'

/** Where the dump says that a variable of the kernel is; null where its debugger data is not there to say it. */
const WANTED: readonly (readonly [name: string, (session: Session) => bigint | null])[] = [
  ['KdDebuggerDataBlock', ({ system }) => system.kdDebuggerDataBlock],
  ['PsLoadedModuleList', ({ system }) => system.psLoadedModuleList],
  ['PsActiveProcessHead', ({ system }) => system.psActiveProcessHead],
  ['KiProcessorBlock', ({ kdbg }) => kdbg?.kiProcessorBlock ?? null],
  ['KiBugCheckData', ({ kdbg }) => kdbg?.kiBugcheckData ?? null],
]

export const addresses: DebuggerCheck = {
  id: 'addresses',
  async judge(debugged) {
    const { session } = debugged
    const kernel = kernelWithSymbols(debugged)
    if (typeof kernel === 'string') {
      return unknown(
        WANTED.map(([name]) => name),
        kernel,
      )
    }
    const unnamed: string[] = []
    const unsaid: string[] = []
    const wrong: string[] = []
    const places: Place[] = []
    for (const [name, said] of WANTED) {
      const found = kernel.byName(name)
      const expected = said(session)
      if (found === null) unnamed.push(name)
      else if (expected === null) unsaid.push(name)
      else if (found !== expected) {
        wrong.push(`nt!${name}: ${hex64(expected)} by the dump, ${hex64(found)} by the symbols`)
        places.push({ found: `0x${expected.toString(16)}`, expected: `0x${found.toString(16)}` })
      }
    }
    if (unsaid.length > 0) {
      wrong.push(`${unsaid.map((name) => `nt!${name}`).join(', ')}: the dump holds no KDDEBUGGER_DATA64`)
    }
    if (wrong.length > 0) {
      const message = `${wrong.slice(0, 4).join('; ')}${andMore(wrong.length, 4)}`
      const says = [messages.errorRetrievingAddresses([message])]
      return { verdict: 'fail', message, places, says }
    }
    if (unnamed.length > 0) return unknown(unnamed, `${kernel.symbols?.origin} does not name them`)
    return { verdict: 'pass', message: `${WANTED.length} addresses as the dump has them` }
  },
}

function unknown(names: readonly string[], why: string): Judgement {
  const full = names.map((name) => `nt!${name}`)
  return {
    verdict: 'inconclusive',
    message: `the addresses of ${full.join(', ')} are not known: ${why}`,
    says: [messages.errorRetrievingAddresses(full)],
  }
}

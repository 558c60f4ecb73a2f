// Sessions for tests: with symbol files of a few names, without host.
import type { ByteSource } from '@dumpstack/bytes'
import type { SymbolFile } from '@dumpstack/symbols'
import { opening } from './banner.ts'
import { Debugger } from './debugger.ts'
import { DumpTarget } from './dump-target.ts'
import { Session } from './session.ts'
import type { SymbolSource } from './symbol-source.ts'

export const NO_SYMBOLS: SymbolSource = {
  symbolPath: '',
  setSymbolPath() {},
  symbols: () => Promise.resolve({ file: null, why: ['the symbol path is empty'] }),
  image: () => Promise.resolve(null),
}

/** Gives one file for the image of that name. */
export const symbolsFor = (imageName: string, file: SymbolFile): SymbolSource => ({
  ...NO_SYMBOLS,
  symbols: (request) =>
    Promise.resolve(request.imageName === imageName ? { file } : { file: null, why: ['not here'] }),
})

export const sessionOn = (source: ByteSource, symbols: SymbolSource = NO_SYMBOLS): Session =>
  new Session({
    target: new DumpTarget(source, 'MEMORY.DMP'),
    symbols,
    disassembler: null,
    nextTurn: () => Promise.resolve(),
  })

/** What commands print. */
export const say = (session: Session, line: string): Promise<string> =>
  textOf(session, (target, signal) => target.execute(line, signal))

/** What is printed before the first prompt. */
export const sayOpening = (session: Session): Promise<string> =>
  textOf(session, (target, signal) => target.open(opening('0.0.0'), signal))

async function textOf(
  session: Session,
  work: (target: Debugger, signal: AbortSignal) => Promise<void>,
): Promise<string> {
  let text = ''
  const target = new Debugger({
    session,
    write: (part) => {
      text += part
    },
    openLog: () => ({ write() {}, close() {} }),
  })
  await work(target, new AbortController().signal)
  return text
}

/** Symbols by name and RVA, without types. */
export function fewSymbols(rows: Readonly<Record<string, number>>): SymbolFile {
  const symbols = Object.entries(rows)
    .map(([name, rva]) => ({ name, rva, kind: 'public' as const }))
    .sort((a, b) => a.rva - b.rva)
  return {
    kind: 'pdb',
    origin: 'few.pdb',
    identity: { guid: '0'.repeat(32), age: 1 },
    near: (rva) => {
      const found = symbols.filter((symbol) => symbol.rva <= rva).at(-1)
      return found === undefined ? null : { ...found, displacement: rva - found.rva }
    },
    byName: (name) => symbols.find((symbol) => symbol.name === name) ?? null,
    symbols: () => symbols,
    procedureAt: () => null,
    lineAt: () => null,
    typeByName: () => null,
    typeNames: () => [],
    resolve: () => {
      throw new Error('no types here')
    },
    missingTypes: () => null,
    hasSections: true,
    useSections: () => undefined,
  }
}

/** A line of every command but q. */
export const EVERYTHING =
  'r; r rip; k; kv; lm; lmvm *; .bugcheck; vertarget; .dumpdebug; .enumtag; db . L20; dps @rsp L8; du @rsp; da @rsp; ' +
  'ln; x *!*; u; !analyze -v; !process 0 7; !process -1 7; lm u; .reload /user; ? @x0; !thread; !pte @rsp; dt nt!_EPROCESS; .ecxr; k; .cxr @rsp; ~0s; ~1s; ~; .reload /f; .help; ' +
  '.exr -1; .frame; dv; .trap @rsp; .logopen kd.log; .logclose; .sympath'

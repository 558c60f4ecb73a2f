// The debugger has the correct symbols: nt's, without which nothing in the kernel can be named, and ntdll's. Part of them
// suffices: only nt's are needed to judge. What a third-party driver lacks changes nothing and is not even asked for.
import { DumpstackError } from '@dumpstack/bytes'
import type { DebugModule, Session, SymbolRequest } from '@dumpstack/debugger'
import * as messages from '../messages.ts'
import { attempt, type DebuggerCheck } from './debugger-check.ts'

const NTDLL = 'ntdll.dll'

export const symbols: DebuggerCheck = {
  id: 'symbols',
  async judge({ session, evidence }) {
    const { kernel } = session
    const kernelWhy = await whyNoSymbols(session, kernel)
    const known = evidence?.systemImages.find(({ imageName }) => imageName === NTDLL) ?? null
    const ntdll = (await ntdllInDump(session)) ?? known
    const ntdllWhy = ntdll === null ? [] : await whyNone(session, ntdll)
    const says = [...missing(kernel.imageName, kernelWhy), ...missing(NTDLL, ntdllWhy)]
    const detail = says.map(({ text }) => text).join('; ')
    if (says.length > 0) says.unshift(...NOT_LOADED)
    if (kernelWhy.length > 0) return { verdict: 'inconclusive', message: detail, says }
    const origin = `nt: ${kernel.symbols?.origin}`
    if (ntdllWhy.length > 0) return { verdict: 'pass', message: `${origin}; ${detail}`, says }
    const second = ntdll === null ? `${NTDLL} is not in the dump` : `${NTDLL}: loaded`
    return { verdict: 'pass', message: `${origin}; ${second}`, says }
  },
}

const NOT_LOADED: readonly messages.Message[] = [
  messages.SYMBOLS_NOT_LOADED,
  messages.SYMBOLS_ADVICE,
  messages.SYMBOLS_OUT_OF_DATE,
]

const missing = (imageName: string, why: readonly string[]): messages.Message[] =>
  why.length === 0 ? [] : [messages.info(`${imageName}: ${why.join('; ')}`)]

/** Empty when they are there. */
async function whyNoSymbols(session: Session, module: DebugModule): Promise<readonly string[]> {
  const error = await attempt(() => session.loadSymbols(module))
  if (error instanceof DumpstackError) return [error.message]
  if (module.symbols !== null) return []
  return module.why.length > 0 ? module.why : ['no symbols were found']
}

async function whyNone(
  { symbolSource, signal }: Session,
  request: SymbolRequest,
): Promise<readonly string[]> {
  const answer = await attempt(() => symbolSource.symbols(request, signal))
  if (answer instanceof DumpstackError) return [answer.message]
  return answer.file === null ? answer.why : []
}

/** Null where the dump does not hold it: only full dumps hold user memory, and not all of it. */
async function ntdllInDump(session: Session): Promise<SymbolRequest | null> {
  const error = await attempt(async () => session.loadUserModules())
  if (error instanceof DumpstackError) return null
  const isNtdll = ({ isUser, imageName }: DebugModule) => isUser && imageName.toLowerCase() === NTDLL
  const request = session.modules.all.find(isNtdll)?.request()
  return request === undefined || request.pdb === null ? null : request
}

// A stack as facts: its frames as they are found, why the walk ended, and the values that may be return addresses too.
import { hex64 } from '@dumpstack/bytes'
import type { Write } from './command.ts'
import type { Registers } from './registers.ts'
import type { Session } from './session.ts'
import { MAX_FRAMES, type OpenValue, stackFrames } from './unwind/stack.ts'
import type { FoundBy, StackFrame } from './unwind/stack-frame.ts'

export interface StackOptions {
  readonly count: number
  readonly isNumbered?: boolean
  readonly hasArguments?: boolean
  /** Whose stack it is; by default the current thread's. */
  readonly thread?: bigint | null
}

export type StackFact =
  | { readonly kind: 'stack'; readonly isNumbered: boolean; readonly hasArguments: boolean }
  | FrameFact
  | {
      readonly kind: 'stackEnd'
      /** Null where the stack ends, or as many frames were found as were asked for. */
      readonly why: string | null
      readonly hasGuesses: boolean
      /** With them on the symbol path, the walk would unwind. */
      readonly missingImages: readonly {
        readonly name: string
        readonly timeDateStamp: number
        readonly size: number
      }[]
    }
  | OpenValueFact

export type FrameFact = {
  readonly kind: 'frame'
  /** Null unless frames are numbered. */
  readonly number: number | null
  readonly childSp: bigint
  /** Null where the walk ends. */
  readonly returnAddress: bigint | null
  /** What lies where the caller left room for four arguments; null unless it was asked for. */
  readonly arguments: readonly (bigint | null)[] | null
  readonly address: bigint
  readonly symbol: string
  readonly source: { readonly file: string; readonly line: number } | null
  readonly foundBy: FoundBy
  /** Why unwinding did not lead here; null for frames that are no guess. */
  readonly missing: string | null
}

/** What lies on the stack and may be a return address: what a reader would look for with dps. */
export type OpenValueFact =
  | { readonly kind: 'openValues'; readonly count: number }
  | { readonly kind: 'openValue'; readonly address: bigint; readonly value: bigint; readonly symbol: string }
  | { readonly kind: 'moreOpenValues'; readonly count: number; readonly address: bigint }

const SHOWN_VALUES = 24
const UNKNOWN = '????????`????????'
const ARGUMENTS = [0n, 8n, 16n, 24n]

export async function* stackFacts(
  session: Session,
  start: Registers,
  { count, isNumbered = false, hasArguments = false, thread = session.currentThread }: StackOptions,
): AsyncGenerator<StackFact> {
  yield { kind: 'stack', isNumbered, hasArguments }
  // One more than asked for: it tells where the last one returns to, and whether the walk ended before.
  const walk = stackFrames(session, start, Math.min(count + 1, MAX_FRAMES), thread)
  let hasGuesses = false
  let number = 0
  let step = await walk.next()
  for (; step.done !== true; step = await walk.next()) {
    hasGuesses ||= step.value.foundBy === 'scan'
    if (number++ >= count) continue
    yield await frameFact(session, step.value, isNumbered ? number - 1 : null, hasArguments)
  }
  const { open, stopped, missingImages } = step.value
  const isWhole = number <= count
  yield {
    kind: 'stackEnd',
    why: isWhole ? stopped : null,
    hasGuesses,
    missingImages: missingImages.map(({ imageName, loaded }) => ({
      name: imageName,
      timeDateStamp: loaded.timeDateStamp,
      size: loaded.size,
    })),
  }
  if (isWhole) yield* openValueFacts(session, open)
}

export async function frameFact(
  session: Session,
  { ip, childSp, returnAddress, argumentsAt, foundBy, missing }: StackFrame,
  number: number | null,
  hasArguments: boolean,
): Promise<FrameFact> {
  const symbol = await session.symbolize(ip)
  const module = session.modules.at(ip)
  const source = module?.symbols?.lineAt(Number(ip - module.base)) // inside the module
  return {
    kind: 'frame',
    number,
    childSp,
    returnAddress,
    arguments: hasArguments
      ? ARGUMENTS.map((offset) => (argumentsAt === null ? null : session.memory.tryU64(argumentsAt + offset)))
      : null,
    address: ip,
    symbol,
    source: source == null ? null : { file: source.file, line: source.line },
    foundBy,
    missing,
  }
}

export async function* openValueFacts(
  session: Session,
  open: readonly OpenValue[],
): AsyncGenerator<OpenValueFact> {
  if (open.length === 0) return
  yield { kind: 'openValues', count: open.length }
  for (const { address, value } of open.slice(0, SHOWN_VALUES)) {
    yield { kind: 'openValue', address, value, symbol: await session.symbolize(value) }
  }
  const next = open[SHOWN_VALUES]
  if (next !== undefined)
    yield { kind: 'moreOpenValues', count: open.length - SHOWN_VALUES, address: next.address }
}

export function printStackFact(fact: StackFact, write: Write): void {
  switch (fact.kind) {
    case 'stack': {
      const head = fact.hasArguments ? `: ${'Args to Child'.padEnd(67)} : ` : ''
      write(`${fact.isNumbered ? ' # ' : ''}Child-SP          RetAddr               ${head}Call Site`)
      return
    }
    case 'frame':
      write(frameText(fact))
      return
    case 'stackEnd': {
      if (fact.why !== null) write(`The walk ends here: ${fact.why}`)
      if (fact.missingImages.length === 0) return
      const guesses = fact.hasGuesses ? 'Frames by scan are guesses. ' : ''
      write(`${guesses}On the symbol path, these images would let the walk unwind:`)
      for (const { name, timeDateStamp, size } of fact.missingImages) {
        const key = `${timeDateStamp.toString(16).toUpperCase().padStart(8, '0')}${size.toString(16)}`
        write(`    ${name}/${key}/${name}`)
      }
      return
    }
    case 'openValues':
      write(
        'On the stack, in modules whose code is not at hand; nothing tells which of them are return addresses:',
      )
      return
    case 'openValue':
      write(`    ${hex64(fact.address)} ${fact.symbol}`)
      return
    case 'moreOpenValues':
      write(`    ${fact.count} more: dps ${hex64(fact.address)}`)
  }
}

/** `00 ffff8504`29892120 fffff804`8b58313f     : ... : amdppm+0x334c [driver.c @ 12] [frame]` */
function frameText(frame: FrameFact): string {
  const { number, source, foundBy, missing } = frame
  const index = number === null ? '' : `${number.toString(16).padStart(2, '0')} `
  const values = frame.arguments === null ? '' : `: ${frame.arguments.map(wide).join(' ')} : `
  const line = source === null ? '' : ` [${source.file} @ ${source.line}]`
  const how = missing === null ? foundBy : `${foundBy}: ${missing}`
  return `${index}${hex64(frame.childSp)} ${wide(frame.returnAddress)}     ${values}${frame.symbol}${line} [${how}]`
}

const wide = (value: bigint | null): string => (value === null ? UNKNOWN : hex64(value))

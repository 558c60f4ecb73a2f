// Whose code most likely caused the crash. What the bugcheck itself names is certain, a frame that was unwound is next, and what a
// scan of the stack met is a guess and says so. Some bugchecks accuse memory or hardware, and some are raised by a reporter that
// is not at fault (drawn from 55 genuine minidumps).
import { type BugcheckDescription, bugcheckBase, parameterOfKind } from '@dumpstack/nt'
import type { DebugModule } from '../modules.ts'
import type { Session } from '../session.ts'
import { unicodeString } from '../typed-value.ts'
import type { OpenValue } from '../unwind/stack.ts'
import type { StackFrame } from '../unwind/stack-frame.ts'
import { namedFault } from './exception.ts'

export interface Culprit {
  /** Null where no module is to blame, or the address lies in none. */
  readonly module: DebugModule | null
  /** Where in its code; null for a guess at a whole module, and where no module is to blame. */
  readonly address: bigint | null
  /** In place of a module. */
  readonly instead: 'memory_corruption' | 'hardware' | null
  readonly isGuess: boolean
  readonly because: string
}

export interface Stack {
  /** The instruction at which it crashed, also where no stack is walked; null where the dump holds no registers. */
  readonly ip: bigint | null
  readonly frames: readonly StackFrame[]
  readonly open: readonly OpenValue[]
}

/** Parts of the system through which every crash passes. */
const SYSTEM = new Set(['nt', 'hal', 'ntdll'])
const ONLY_SYSTEM = 'only modules of the system are on the stack'

const MEMORY_MANAGEMENT = 0x1a
const PFN_LIST_CORRUPT = 0x4e
const PAGE_FAULT_IN_NONPAGED_AREA = 0x50
const MACHINE_CHECK_EXCEPTION = 0x9c
const THREAD_STUCK_IN_DEVICE_DRIVER = 0xea
const VIDEO_TDR_FAILURE = 0x116
const VIDEO_TDR_TIMEOUT_DETECTED = 0x117
const WHEA_UNCORRECTABLE_ERROR = 0x124
const FAULTY_HARDWARE_CORRUPTED_PAGE = 0x12b
const VIDEO_ENGINE_TIMEOUT_DETECTED = 0x141

/** The graphics kernel watches display drivers, and raises these when one does not answer. */
const REPORTED = new Set([
  THREAD_STUCK_IN_DEVICE_DRIVER,
  VIDEO_TDR_FAILURE,
  VIDEO_TDR_TIMEOUT_DETECTED,
  VIDEO_ENGINE_TIMEOUT_DETECTED,
])
const REPORTERS = new Set(['dxgkrnl', 'dxgmms1', 'dxgmms2', 'watchdog'])

/** Pointers that lie closer than this differ in one bit for ordinary reasons: neighbouring fields, pages, blocks of pool. */
const FIRST_TELLING_BIT = 20n
const ADDRESS_BITS = 48n
/** One value in a module is a coincidence. */
const GUESS_VALUES = 2

export function findCulprit(
  session: Session,
  description: BugcheckDescription | null,
  stack: Stack,
): Culprit | null {
  const code = bugcheckBase(session.system.bugcheckCode)
  const isReported = REPORTED.has(code)
  const isDriver = (module: DebugModule | null): module is DebugModule =>
    module !== null && !SYSTEM.has(module.name) && !(isReported && REPORTERS.has(module.name.toLowerCase()))
  return (
    withoutModule(session, code, description) ??
    (description === null ? null : namedByBugcheck(session, description, isDriver)) ??
    onStack(session, stack, isReported, isDriver) ??
    guessed(session, stack.open, isReported, isDriver) ??
    inSystem(session, description, stack)
  )
}

const blameless = (instead: 'memory_corruption' | 'hardware', because: string): Culprit => ({
  module: null,
  address: null,
  instead,
  isGuess: false,
  because,
})

/** Bugchecks that find damage, not who did it. */
function withoutModule(
  session: Session,
  code: number,
  description: BugcheckDescription | null,
): Culprit | null {
  switch (code) {
    case MEMORY_MANAGEMENT:
    case PFN_LIST_CORRUPT:
      return blameless(
        'memory_corruption',
        'the memory manager found its own structures corrupt: bad memory or any driver may have done it earlier, and the stack shows only the code that found it',
      )
    case FAULTY_HARDWARE_CORRUPTED_PAGE:
      return blameless('memory_corruption', 'a page of memory changed without a write to it')
    case MACHINE_CHECK_EXCEPTION:
    case WHEA_UNCORRECTABLE_ERROR:
      return blameless('hardware', 'the hardware itself reported the error')
    case PAGE_FAULT_IN_NONPAGED_AREA: {
      const fault = description === null ? null : namedFault(description)
      const near = fault === null ? null : oneBitAway(session, fault.address)
      return near === null
        ? null
        : blameless(
            'memory_corruption',
            `the address differs in one bit from 0x${near.toString(16)}, which the dump holds: memory or a pointer in it flipped a bit`,
          )
    }
    default:
      return null
  }
}

/** An address that the dump holds, and that differs from one which it does not hold in a single bit; null where there is none. */
function oneBitAway({ memory }: Session, address: bigint): bigint | null {
  const isHeld = (candidate: bigint): boolean => memory.available(candidate, 1).byteLength === 1
  if (isHeld(address)) return null
  for (let bit = FIRST_TELLING_BIT; bit < ADDRESS_BITS; bit++) {
    const candidate = address ^ (1n << bit)
    if (isHeld(candidate)) return candidate
  }
  return null
}

type IsDriver = (module: DebugModule | null) => module is DebugModule

function namedByBugcheck(
  session: Session,
  description: BugcheckDescription,
  isDriver: IsDriver,
): Culprit | null {
  for (const [kind, because] of [
    ['instruction', 'the bugcheck gives an address in it as that of the code at fault'],
    ['moduleAddress', 'the bugcheck gives an address in it as that of the driver responsible'],
  ] as const) {
    const address = parameterOfKind(description, kind)
    const module = address === null ? null : session.modules.at(address)
    if (isDriver(module)) return { module, address, instead: null, isGuess: false, because }
  }
  const name = parameterOfKind(description, 'unicodeString')
  const text = name === null || name === 0n ? null : unicodeString(session.memory, name)
  const module =
    text === null ? null : session.modules.named(text.replace(/^.*\\/, '').replace(/\.sys$/i, ''))
  if (!isDriver(module)) return null
  return { module, address: null, instead: null, isGuess: false, because: 'the bugcheck names it' }
}

function onStack(
  session: Session,
  { frames }: Stack,
  isReported: boolean,
  isDriver: IsDriver,
): Culprit | null {
  // Unwinding from a guess leads to more guesses: what counts is known up to the first scan.
  const firstGuess = frames.findIndex(({ foundBy }) => foundBy === 'scan')
  const known = firstGuess < 0 ? frames : frames.slice(0, firstGuess)
  const found = (frame: StackFrame, isGuess: boolean, because: string): Culprit => {
    const module = session.modules.at(frame.ip)
    return { module, address: frame.ip, instead: null, isGuess, because: `${because}${reporter(known)}` }
  }
  /** Who raised the bugcheck without being at fault. */
  const reporter = (from: readonly StackFrame[]): string => {
    const names = from
      .map(({ ip }) => session.modules.at(ip))
      .filter((module) => module !== null && REPORTERS.has(module.name.toLowerCase()))
    const [first] = names
    return isReported && first != null
      ? `; ${first.imageName}, which raised the bugcheck, only reports it`
      : ''
  }
  const unwound = known.find(({ ip }) => isDriver(session.modules.at(ip)))
  if (unwound !== undefined) {
    const how =
      unwound.foundBy === 'call'
        ? 'it called KeBugCheckEx'
        : 'the first on the stack that is not the system itself'
    return found(unwound, false, how)
  }
  const scanned = frames.find(({ ip }) => isDriver(session.modules.at(ip)))
  if (scanned === undefined) return null
  return found(
    scanned,
    true,
    `the first return address on the stack in a driver, found by scan (${scanned.missing ?? 'after a scan'})`,
  )
}

/** The driver in which most of the values lie that may be return addresses. */
function guessed(
  session: Session,
  open: readonly OpenValue[],
  isReported: boolean,
  isDriver: IsDriver,
): Culprit | null {
  const counts = new Map<DebugModule, Set<bigint>>()
  for (const { value } of open) {
    const module = session.modules.at(value)
    if (!isDriver(module)) continue
    const values = counts.get(module) ?? new Set()
    counts.set(module, values.add(value))
  }
  const [best] = [...counts].sort(([, a], [, b]) => b.size - a.size)
  if (best === undefined || best[1].size < GUESS_VALUES) return null
  const [module, values] = best
  const reports = isReported ? '; the graphics kernel only reports what a display driver does' : ''
  return {
    module,
    address: null,
    instead: null,
    isGuess: true,
    because: `${values.size} values on the stack lie in it, more than in any other driver; no code is at hand to tell return addresses from others${reports}`,
  }
}

function inSystem(session: Session, description: BugcheckDescription | null, { ip }: Stack): Culprit | null {
  const fault = description === null ? null : parameterOfKind(description, 'instruction')
  const isPlace = fault !== null && session.modules.at(fault) !== null
  const address = isPlace ? fault : ip
  if (address === null) return null
  return {
    module: session.modules.at(address),
    address,
    instead: null,
    isGuess: false,
    because: ONLY_SYSTEM,
  }
}

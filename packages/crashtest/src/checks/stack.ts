// The stack of the thread that crashed leads, frame by frame and without a guess, from crashtst.sys to nt!KeBugCheckEx: what
// a developer looks at first. Guessed frames prove nothing; where images are missing to unwind by, nothing is proved.
import { DumpstackError } from '@dumpstack/bytes'
import { type Session, type StackEnd, type StackFrame, symbolize, walkStack } from '@dumpstack/debugger'
import * as messages from '../messages.ts'
import type { Verdict } from '../test-event.ts'
import type { Judgement } from './check.ts'
import { attempt, type DebuggerCheck } from './debugger-check.ts'

const CRASH_DRIVER = 'crashtst.sys'
const BUGCHECK_ROUTINE = 'KeBugCheckEx'
const WHAT = `the stack from ${CRASH_DRIVER} to nt!${BUGCHECK_ROUTINE}`
const MAX_FRAMES = 64
const SHOWN = 12

export const stack: DebuggerCheck = {
  id: 'stack',
  async judge({ session }) {
    const { all } = session.modules
    const driver = all.find(({ imageName }) => imageName.toLowerCase() === CRASH_DRIVER)
    if (driver === undefined) {
      return judged('fail', `none of the ${all.length} modules is ${CRASH_DRIVER}`)
    }
    const { frames, missingImages } = await walkStack(session, session.registers, MAX_FRAMES)
    // Names of a driver are welcome: that it has none changes nothing.
    await attempt(() => session.loadSymbols(driver))
    // What the calling convention or a run of code tells says nothing of the unwind information, which is what is judged here.
    const firstGuess = frames.findIndex(({ foundBy }) => foundBy !== 'frame' && foundBy !== 'unwind')
    const known = firstGuess < 0 ? frames : frames.slice(0, firstGuess)
    const text = known.slice(0, SHOWN).map((frame) => nameOf(session, frame)).join(' < ') // biome-ignore format: one step a name
    if (session.kernel.symbols === null) {
      const message = `${WHAT}: without symbols of the kernel no name on it is certain: ${text}`
      return { verdict: 'inconclusive', message, unableToGet: [WHAT] }
    }
    const outside = known.findIndex(({ ip }) => session.modules.at(ip) !== session.kernel)
    const inKernel = outside < 0 ? known : known.slice(0, outside)
    if (!inKernel.some((frame) => routineOf(session, frame) === BUGCHECK_ROUTINE)) {
      return judged('fail', `it does not begin in nt!${BUGCHECK_ROUTINE}: ${text}`)
    }
    const caller = outside < 0 ? undefined : known[outside]
    if (caller !== undefined && session.modules.at(caller.ip) === driver) {
      return { verdict: 'pass', message: `${known.length} frames, none guessed: ${text}` }
    }
    if (caller !== undefined) return judged('fail', `another caller of nt!${BUGCHECK_ROUTINE}: ${text}`)
    return judged(
      missingImages.length > 0 ? 'inconclusive' : 'fail',
      `it ends too early: ${endOf(frames, missingImages)}: ${text}`,
    )
  },
}

function endOf(frames: readonly StackFrame[], missing: StackEnd['missingImages']): string {
  if (missing.length > 0) {
    const names = missing.map(({ imageName }) => imageName).join(', ')
    return `the dump does not hold the unwind information of ${names}, and the symbol path has no such image`
  }
  const guess = frames.find(({ foundBy }) => foundBy === 'scan')
  return guess?.missing ?? 'no driver is on it'
}

/** A call that does not return may be the last of its routine: its return address is then the next routine's. */
function routineOf(session: Session, { ip, foundBy }: StackFrame): string | undefined {
  const inside = foundBy === 'unwind' ? ip - 1n : ip
  return session.modules.at(inside)?.near(inside)?.name
}

/** `crashtst!CrashTestTriggerBugcheck+0x41 [unwind]` */
function nameOf(session: Session, frame: StackFrame): string {
  try {
    return `${symbolize(session.modules, frame.ip)} [${frame.foundBy}]`
  } catch (error) {
    if (!(error instanceof DumpstackError)) throw error
    return `0x${frame.ip.toString(16)} [${frame.foundBy}]`
  }
}

function judged(verdict: Verdict, why: string): Judgement {
  const message = `${WHAT}: ${why}`
  return { verdict, message, says: [messages.unableToGet(message)] }
}

// The process that crashed, and its name, with symbols or without.
import { type Gva, gva } from '@dumpstack/bytes'
import { DebuggerError } from './errors.ts'
import { type KernelObject, KernelType } from './kernel-object.ts'
import type { Session } from './session.ts'

/** Throws DebuggerError MEMORY_ABSENT where the dump does not tell. */
export function currentProcess({ currentThread, kdbg, memory, target }: Session): Gva {
  if (currentThread === null) {
    throw new DebuggerError('MEMORY_ABSENT', 'the current thread is not in the dump')
  }
  const offset = kdbg?.offsetKThreadApcProcess ?? 0
  const process = offset === 0 ? null : memory.tryU64(currentThread + BigInt(offset))
  if (process !== null && process !== 0n) return gva(process)
  // A minidump keeps the process of the thread that crashed, whatever becomes of the thread.
  const { thread, process: kept } = target.current
  if (kept !== null && currentThread === thread) return kept
  throw new DebuggerError('MEMORY_ABSENT', 'the process of the current thread is not in the dump')
}

/** ImageFileName, or in words why the dump does not give it. */
export function imageName({ system }: Session, type: KernelType, process: KernelObject): string {
  if (!type.has('ImageFileName')) return `unknown: no types for build ${system.build}`
  const text = process.text('ImageFileName')
  if (text === null) return 'not in the dump'
  // The name of a program, in ASCII: other bytes are not the field, or it was overwritten.
  return /^[\x20-\x7e]+$/.test(text) ? text : 'unknown: the field holds no name'
}

/** Name of the process that crashed; in words where it is not known. */
export async function currentProcessName(session: Session): Promise<string> {
  try {
    const { type } = await KernelType.loadOrKnown(session, '_EPROCESS')
    return imageName(session, type, type.at(session.memory, currentProcess(session)))
  } catch (error) {
    if (!(error instanceof DebuggerError)) throw error
    return error.code === 'TYPE_UNKNOWN'
      ? `unknown: no types for build ${session.system.build}`
      : `unknown: ${error.message}`
  }
}

// Fields of EPROCESS and ETHREAD whose places are known without symbols: from KDDEBUGGER_DATA64 of the dump, whose offsets are
// those of its own kernel, and, for what that leaves out, by build.
import { CID_TO_IRP_LIST, IMAGE_FILE_NAME_BYTES, processOffsets } from '@dumpstack/nt'
import type { Session } from './session.ts'

interface KnownField {
  readonly offset: number
  readonly byteLength: number
  readonly bits: null
}

/** Null where the dump has no debugger data. */
export function knownFields(
  { kdbg, system }: Session,
  type: '_EPROCESS' | '_ETHREAD',
): ReadonlyMap<string, KnownField> | null {
  if (kdbg === null) return null
  const fields = new Map<string, KnownField>()
  /** 0 is an offset that the debugger data of this build does not have: none of these fields comes first. */
  const add = (path: string, offset: number, byteLength: number): void => {
    if (offset !== 0) fields.set(path, { offset, byteLength, bits: null })
  }
  if (type === '_EPROCESS') {
    // A dispatcher object begins with its type, in wdm.h as in every build.
    fields.set('Pcb.Header.Type', { offset: 0, byteLength: 1, bits: null })
    add('Pcb.DirectoryTableBase', kdbg.offsetEprocessDirectoryTableBase, 8)
    add('Peb', kdbg.offsetEprocessPeb, 8)
    add('InheritedFromUniqueProcessId', kdbg.offsetEprocessParentCid, 8)
    const byBuild = processOffsets(system.machine, system.build)
    if (byBuild === null) return fields
    add('UniqueProcessId', byBuild.uniqueProcessId, 8)
    add('ActiveProcessLinks', byBuild.activeProcessLinks, 16)
    add('ImageFileName', byBuild.imageFileName, IMAGE_FILE_NAME_BYTES)
    return fields
  }
  fields.set('Tcb.Header.Type', { offset: 0, byteLength: 1, bits: null })
  add('Tcb.ApcState.Process', kdbg.offsetKThreadApcProcess, 8)
  add('Tcb.Teb', kdbg.offsetKThreadTeb, 8)
  add('Tcb.State', kdbg.offsetKThreadState, 1)
  add('Tcb.WaitReason', kdbg.offsetKThreadWaitReason, 1)
  add('Tcb.InitialStack', kdbg.offsetKThreadInitialStack, 8)
  add('Tcb.KernelStack', kdbg.offsetKThreadKernelStack, 8)
  add('Tcb.StackBase', kdbg.offsetKThreadStackBase, 8)
  add('Tcb.StackLimit', kdbg.offsetKThreadStackLimit, 8)
  if (kdbg.offsetEThreadIrpList > CID_TO_IRP_LIST) {
    add('Cid.UniqueProcess', kdbg.offsetEThreadIrpList - CID_TO_IRP_LIST, 8)
    add('Cid.UniqueThread', kdbg.offsetEThreadIrpList - CID_TO_IRP_LIST + 8, 8)
  }
  return fields
}

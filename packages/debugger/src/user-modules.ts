// The user-mode modules of the process that crashed: PEB, its loader data, and the list in load order, as ntdll keeps it
// (winternl.h; x64 types of build 19041). Found through the debugger data, without symbols.
import { type Gva, gva, hex64 } from '@dumpstack/bytes'
import type { LoadedModule } from '@dumpstack/dumpfile'
import { LdrDataTableEntry, Peb, PebLdrData } from '@dumpstack/nt'
import type { DebugTarget } from './debug-target.ts'
import { DebuggerError } from './errors.ts'
import { listEntries } from './linked-list.ts'
import type { TargetMemory } from './memory.ts'
import { unicodeString } from './typed-value.ts'

/** A process with more modules than this has a damaged list. */
const MAX_MODULES = 4096
/** IMAGE_DOS_HEADER.e_lfanew, and from there to IMAGE_OPTIONAL_HEADER64.CheckSum. */
const PE_HEADER = 0x3cn
const CHECK_SUM = 0x58n

interface CrashedProcess {
  readonly target: DebugTarget
  readonly memory: TargetMemory
}

/** Throws DebuggerError naming the first part on the way to the list that the dump does not hold. */
export function readUserModules(session: CrashedProcess): LoadedModule[] {
  const { memory } = session
  const peb = processEnvironment(session)
  const loader = part('PEB', peb, () => memory.u64(peb + BigInt(Peb.fields.ldr.offset)))
  if (loader === 0n) return []
  const head = loader + BigInt(PebLdrData.fields.inLoadOrderModuleList.offset)
  return part('the list of user modules', head, () =>
    [...listEntries(memory, head, 0, MAX_MODULES)].map((entry) => moduleOf(memory, entry)),
  )
}

/** Whether a thread's process has other page tables than the dump was made with; false where that cannot be seen. */
export function isOfAnotherProcess({ memory, target }: CrashedProcess, thread: bigint | null): boolean {
  const { kdbg } = target
  if (kdbg === null || thread === null || target.physical === null) return false
  const process = memory.tryU64(thread + BigInt(kdbg.offsetKThreadApcProcess))
  if (process === null) return false
  const table = memory.tryU64(process + BigInt(kdbg.offsetEprocessDirectoryTableBase))
  return table !== null && table !== BigInt(target.system.directoryTableBase)
}

function processEnvironment({ memory, target }: CrashedProcess): Gva {
  const { kdbg, processors, currentProcessor } = target
  const thread = processors.find(({ number }) => number === currentProcessor)?.currentThread ?? null
  if (kdbg === null || thread === null) {
    throw new DebuggerError(
      'MEMORY_ABSENT',
      'user-mode modules: the thread of the crash is not in the dump, and so its process is not known',
    )
  }
  const process = part('thread', thread, () => memory.u64(thread + BigInt(kdbg.offsetKThreadApcProcess)))
  const [table, peb] = part('process', process, () => [
    memory.u64(process + BigInt(kdbg.offsetEprocessDirectoryTableBase)),
    memory.u64(process + BigInt(kdbg.offsetEprocessPeb)),
  ])
  if (peb === 0n) {
    throw new DebuggerError(
      'MEMORY_ABSENT',
      `the process at ${hex64(process)} has no PEB: it runs in kernel mode only`,
    )
  }
  // A minidump holds memory by its addresses: it has no page tables to compare.
  if (target.physical !== null && table !== BigInt(target.system.directoryTableBase)) {
    throw new DebuggerError(
      'UNSUPPORTED',
      `user-mode modules: the dump's page tables (${hex64(BigInt(target.system.directoryTableBase))}) are not those of the process ` +
        `at ${hex64(process)} (${hex64(table)})`,
    )
  }
  return gva(peb)
}

function moduleOf(memory: TargetMemory, at: bigint): LoadedModule {
  const entry = LdrDataTableEntry.of(memory.bytes(at, LdrDataTableEntry.size))
  const { fields } = LdrDataTableEntry
  const base = gva(entry.dllBase)
  return {
    baseName: unicodeString(memory, at + BigInt(fields.baseDllName.offset)) ?? '',
    fullName: unicodeString(memory, at + BigInt(fields.fullDllName.offset)) ?? '',
    base,
    size: entry.sizeOfImage,
    entryPoint: gva(entry.entryPoint),
    checkSum: checkSumOf(memory, base),
    timeDateStamp: entry.timeDateStamp,
  }
}

/** The loader's list keeps none: it stands in the headers of the image; 0 where the dump does not hold them. */
function checkSumOf(memory: TargetMemory, base: Gva): number {
  const header = memory.tryU32(base + PE_HEADER)
  return header === null ? 0 : (memory.tryU32(base + BigInt(header) + CHECK_SUM) ?? 0)
}

function part<T>(what: string, address: bigint, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof DebuggerError && error.code === 'MEMORY_ABSENT')) throw error
    throw new DebuggerError(
      'MEMORY_ABSENT',
      `user-mode modules: ${what} at ${hex64(address)}: ${error.message}`,
    )
  }
}

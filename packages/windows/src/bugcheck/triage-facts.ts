// What a minidump of this crash keeps: objects of the processor that crashed, its stack, drivers; and as data blocks, in the
// order of real minidumps, every processor's KPRCB, CONTEXT and stack, then the variables that debuggers start from.
import { gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { MemoryRange, TriageFacts } from '@dumpstack/dumpfile'
import { ContextX64, DbgkdGetVersion64, ListEntry } from '@dumpstack/nt'
import type { KernelState } from '../boot/kernel-state.ts'
import type { Processor } from '../boot/processors.ts'

const POINTER_BYTES = 8
/** Code and four parameters. */
const BUGCHECK_DATA_BYTES = 5 * POINTER_BYTES
const BUILD_LAB_BYTES = 0x100

/** Reads the contexts that the freeze saved: to be called before anything writes to RAM again. */
export function triageFacts(state: KernelState, cpu: number): TriageFacts {
  const crashing = state.processors[cpu]!
  const { currentThread } = crashing
  return {
    prcb: crashing.kprcb,
    process: currentThread.process.va,
    thread: currentThread.va,
    callStack: stackOf(state, crashing),
    drivers: state.images.loaded.map(({ fullName, base, size, pe }) => ({
      fullName,
      base,
      size,
      checkSum: pe.checkSum,
      timeDateStamp: pe.timeDateStamp,
    })),
    unloadedDrivers: state.images.unloaded,
    blocks: [
      ...state.processors.flatMap((processor) => [
        { address: processor.kprcb, byteLength: state.profile.layouts.Kprcb.size },
        { address: processor.context, byteLength: ContextX64.size },
        ...(processor === crashing ? [] : [stackOf(state, processor)]), // the crash has its stack in a pool of its own
      ]),
      ...globalBlocks(state),
    ],
    secondaryData: state.secondaryData.map(({ tag, buffer, byteLength }) => ({
      tag,
      bytes: state.memory.space.read(buffer, byteLength),
    })),
  }
}

/** From where the processor stopped up to the base: what lies below is the freeze itself. */
function stackOf({ memory }: KernelState, { context, currentThread }: Processor): MemoryRange {
  const rsp = memory.space.u64(gva(context + BigInt(ContextX64.fields.rsp.offset)))
  return { address: gva(rsp), byteLength: Number(currentThread.stack.base - rsp) } // a stack has 24 KiB
}

function globalBlocks({ globals, kernel, processors }: KernelState): MemoryRange[] {
  const variable = (name: string, byteLength: number): MemoryRange => ({
    address: globals.address(name),
    byteLength,
  })
  return [
    variable('KiProcessorBlock', processors.length * POINTER_BYTES),
    variable('KiBugCheckData', BUGCHECK_DATA_BYTES),
    variable('KdVersionBlock', DbgkdGetVersion64.size),
    variable('PsActiveProcessHead', ListEntry.size),
    variable('PsLoadedModuleList', ListEntry.size),
    variable('PsInitialSystemProcess', POINTER_BYTES),
    variable('PsIdleProcess', POINTER_BYTES),
    variable('MmPfnDatabase', POINTER_BYTES),
    variable('MmPhysicalMemoryBlock', POINTER_BYTES),
    variable('KeNumberProcessors', 4),
    variable('NtBuildNumber', 4),
    variable('NtBuildLab', BUILD_LAB_BYTES),
    { address: kernel.base, byteLength: PAGE_SIZE },
  ]
}

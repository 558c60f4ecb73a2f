// What a mini dump must hold, for the judge: by the pointers in RAM at the freeze, from the debugger data on, and not by the
// ranges that the dump was planned with, so that a wrong plan shows.
import { type Gva, gva } from '@dumpstack/bytes'
import type { PromisedBlock } from '@dumpstack/crashtest'
import { ContextX64, KddebuggerData64, ListEntry } from '@dumpstack/nt'
import type { FrozenMemory } from './frozen-memory.ts'

const POINTER_BYTES = 8
/** Code and four parameters. */
const BUGCHECK_DATA_BYTES = 5 * POINTER_BYTES

/** `crashing` is the number of the processor that called KeBugCheckEx. */
export function promisedBlocks(
  memory: FrozenMemory,
  debuggerData: Gva,
  processorCount: number,
  crashing: number,
): PromisedBlock[] {
  const kdbg = KddebuggerData64.of(memory.bytes(debuggerData, KddebuggerData64.size))
  const block = (what: string, address: bigint, byteLength: number): PromisedBlock => ({
    what,
    address: gva(address),
    byteLength,
  })
  const blocks = [
    block('KdDebuggerDataBlock', debuggerData, KddebuggerData64.size),
    block('KiProcessorBlock', kdbg.kiProcessorBlock, processorCount * POINTER_BYTES),
    block('KiBugCheckData', kdbg.kiBugcheckData, BUGCHECK_DATA_BYTES),
    block('PsActiveProcessHead', kdbg.psActiveProcessHead, ListEntry.size),
    block('PsLoadedModuleList', kdbg.psLoadedModuleList, ListEntry.size),
  ]
  for (let number = 0; number < processorCount; number++) {
    const of = `of processor ${number}`
    const prcb = memory.u64(kdbg.kiProcessorBlock + BigInt(number * POINTER_BYTES))
    const context = memory.u64(prcb + BigInt(kdbg.offsetPrcbContext))
    const thread = memory.u64(prcb + BigInt(kdbg.offsetPrcbCurrentThread))
    const rsp = memory.u64(context + BigInt(ContextX64.fields.rsp.offset))
    const stackBase = memory.u64(thread + BigInt(kdbg.offsetKThreadStackBase))
    blocks.push(
      block(`KPRCB ${of}`, prcb, kdbg.sizePrcb),
      block(`CONTEXT ${of}`, context, ContextX64.size),
      block(`stack ${of}`, rsp, Number(stackBase - rsp)), // a kernel stack has 24 KiB
    )
    if (number !== crashing) continue
    const process = memory.u64(thread + BigInt(kdbg.offsetKThreadApcProcess))
    blocks.push(
      block('thread of the crash', thread, kdbg.sizeEThread),
      block('process of the crash', process, kdbg.sizeEProcess),
    )
  }
  return blocks
}

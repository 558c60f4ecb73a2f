// What a mini dump must hold, for the judge: by the pointers in RAM at the freeze, from the debugger data on, and not by the
// ranges that the dump was planned with, so that a wrong plan shows.
import { type Gva, gva } from '@dumpstack/bytes'
import { ContextX64, KbCallbackSecondaryDumpData, KddebuggerData64, ListEntry } from '@dumpstack/nt'
import type { PromisedBlock } from '@dumpstack/target'
import { SecondaryDataSource } from '../boot/secondary-data.ts'
import { guidText } from '../volume/guid.ts'
import type { FrozenMemory } from './frozen-memory.ts'

const POINTER_BYTES = 8
/** Code and four parameters. */
const BUGCHECK_DATA_BYTES = 5 * POINTER_BYTES

/** No block of a minidump is longer; a length in RAM may be whatever a driver left there. */
const MAX_BLOCK = 0x10_0000

/** No system has more records; a list that was destroyed does not end by itself. */
const MAX_RECORDS = 1024

/** Where the promises start. */
export interface PromiseRoots {
  readonly debuggerData: Gva
  readonly debuggerDataBytes: number
  /** nt!KeBugCheckReasonCallbackListHead. */
  readonly reasonCallbackHead: Gva
}

/** `crashing` is the number of the processor that called KeBugCheckEx. */
export function promisedBlocks(
  memory: FrozenMemory,
  { debuggerData, debuggerDataBytes, reasonCallbackHead }: PromiseRoots,
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
    block('KdDebuggerDataBlock', debuggerData, debuggerDataBytes),
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
      block(`stack ${of}`, rsp, lengthOf(stackBase - rsp)), // a kernel stack has 24 KiB
    )
    if (number !== crashing) continue
    const process = memory.u64(thread + BigInt(kdbg.offsetKThreadApcProcess))
    blocks.push(
      block('thread of the crash', thread, kdbg.sizeEThread),
      block('process of the crash', process, kdbg.sizeEProcess),
    )
  }
  return [...blocks, ...secondaryData(memory, reasonCallbackHead)]
}

/** What drivers leave in the dump, by the records in the list. */
function secondaryData(memory: FrozenMemory, head: Gva): PromisedBlock[] {
  const blocks: PromisedBlock[] = []
  let at = memory.u64(head)
  for (let count = 0; at !== head && count < MAX_RECORDS; count++) {
    const source = SecondaryDataSource.of(memory.bytes(gva(at), SecondaryDataSource.size))
    if (source.record.reason === KbCallbackSecondaryDumpData) {
      const tag = guidText(source.tag)
      blocks.push({
        what: `secondary data {${tag}}`,
        address: gva(source.buffer),
        byteLength: lengthOf(BigInt(source.byteLength)),
        tag,
      })
    }
    at = source.record.entry.flink
  }
  return blocks
}

const lengthOf = (length: bigint): number =>
  length < 0n ? 0 : length > BigInt(MAX_BLOCK) ? MAX_BLOCK : Number(length)

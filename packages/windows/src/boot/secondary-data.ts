// Drivers that leave data of their own in a dump (KbCallbackSecondaryDumpData): a record in the list at
// nt!KeBugCheckReasonCallbackListHead, inside a structure of the driver that names GUID and preallocated buffer. A driver's
// routine finds that structure by the record's address. No guest code answers: the bugcheck reads the buffer itself.
import { bytes, defineStruct, type Gva, gva, struct, u32, u64 } from '@dumpstack/bytes'
import { BufferInserted, KbCallbackSecondaryDumpData, KbugcheckReasonCallbackRecord } from '@dumpstack/nt'
import { guidText } from '../volume/guid.ts'
import type { KernelGlobals } from './kernel-globals.ts'
import { insertTailList } from './linked-list.ts'
import type { KernelImage } from './loaded-images.ts'
import type { KernelMemoryManager } from './memory-manager.ts'

export const REASON_CALLBACK_HEAD = 'KeBugCheckReasonCallbackListHead'
const POOL_TAG = 'BugC'

/** Our drivers' structure around the record. */
export const SecondaryDataSource = defineStruct('_SECONDARY_DATA_SOURCE', 0x50, {
  record: struct(0x00, KbugcheckReasonCallbackRecord),
  tag: bytes(0x30, 16),
  buffer: u64(0x40),
  byteLength: u32(0x48),
})

/** What a driver's routine gives at the bugcheck. */
export interface SecondaryDataBuffer {
  /** `6D0A5B0E-7B1C-4F0B-9E55-3C2A1D7F4E61` */
  readonly tag: string
  readonly buffer: Gva
  readonly byteLength: number
}

/** KeRegisterBugCheckReasonCallback, by a driver whose data does not change any more. */
export function registerSecondaryData(
  memory: KernelMemoryManager,
  globals: KernelGlobals,
  driver: KernelImage,
  data: { readonly tag: Uint8Array; readonly bytes: Uint8Array },
): SecondaryDataBuffer {
  const { pool, space } = memory
  const component = pool.allocate(driver.baseName.length + 1, POOL_TAG)
  space.write(component, new TextEncoder().encode(driver.baseName))
  const buffer = pool.allocate(data.bytes.byteLength, POOL_TAG)
  space.write(buffer, data.bytes)

  const va = pool.allocate(SecondaryDataSource.size, POOL_TAG)
  const laid = new Uint8Array(SecondaryDataSource.size)
  const source = SecondaryDataSource.of(laid)
  // synthetic: the driver's image has no routine of its own for this, so that the record names its entry point
  const routine = driver.base + BigInt(driver.pe.entryPointRva)
  source.record.callbackRoutine = routine
  source.record.component = component
  source.record.reason = KbCallbackSecondaryDumpData
  source.record.checksum = BigInt.asUintN(64, routine + component + BigInt(KbCallbackSecondaryDumpData))
  source.record.state = BufferInserted
  source.tag = data.tag
  source.buffer = buffer
  source.byteLength = data.bytes.byteLength
  space.write(va, laid)
  const entry = gva(va + BigInt(KbugcheckReasonCallbackRecord.fields.entry.offset))
  insertTailList(space, globals.address(REASON_CALLBACK_HEAD), entry)
  return { tag: guidText(data.tag), buffer, byteLength: data.bytes.byteLength }
}

// Records of KeRegisterBugCheckReasonCallback, in the list at nt!KeBugCheckReasonCallbackListHead: wdm.h of the public kit.
import { defineStruct, struct, u8, u32, u64 } from '@dumpstack/bytes'
import { ListEntry } from './list.ts'

export const KbugcheckReasonCallbackRecord = defineStruct('_KBUGCHECK_REASON_CALLBACK_RECORD', 0x30, {
  entry: struct(0x00, ListEntry),
  callbackRoutine: u64(0x10),
  component: u64(0x18),
  /** callbackRoutine + reason + component. */
  checksum: u64(0x20),
  reason: u32(0x28),
  state: u8(0x2c),
})

/** KBUGCHECK_CALLBACK_REASON. */
export const KbCallbackSecondaryDumpData = 2
/** KBUGCHECK_BUFFER_DUMP_STATE: the record is in the list. */
export const BufferInserted = 1

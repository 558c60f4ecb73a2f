// Callback objects, and routines that the kernel calls after a bugcheck. A callback object notifies who has registered with it; routines for a
// bugcheck are kept in the list of their records and not called: the crash of this system is the kernel's own. Layouts as in wdm.h.
import { gva } from '@dumpstack/bytes'
import { BufferInserted, KbugcheckReasonCallbackRecord, STATUS_OBJECT_NAME_NOT_FOUND } from '@dumpstack/nt'
import type { CallFrame } from '../call-frame.ts'
import { asBoolean, type ExportFamily, exported, NOTHING } from './export.ts'
import { objectName } from './object-name.ts'

/** Callback objects of the system itself. */
const SYSTEM_CALLBACKS: ReadonlySet<string> = new Set([
  '\\callback\\powerstate',
  '\\callback\\setsystemtime',
  '\\callback\\processoradd',
])
/** KBUGCHECK_CALLBACK_RECORD */
const RECORD_STATE_AT = 0x38
const RECORD_ROUTINE_AT = 0x10

export const CALLBACK_EXPORTS: ExportFamily = {
  // (**CallbackObject, *ObjectAttributes, Create, AllowMultipleCallbacks)
  ExCreateCallback: exported(4, (call) => {
    const name = objectName(call, call.va(1)).toLowerCase()
    const known = call.instance.callbackObjects.get(name)
    if (known === undefined && call.u8(2) === 0 && !SYSTEM_CALLBACKS.has(name)) {
      return BigInt(STATUS_OBJECT_NAME_NOT_FOUND)
    }
    const object = known ?? call.instance.newHandle()
    if (name !== '') call.instance.keepNamed(call.instance.callbackObjects, name, object, 'callback objects')
    call.memory.setU64(call.va(0), object)
    return 0n
  }),
  // (*CallbackObject, Function, Context): a handle of the registration
  ExRegisterCallback: exported(3, (call) => {
    const handle = call.instance.newHandle()
    const registered = { object: call.u64(0), routine: call.va(1), context: call.u64(2) }
    call.instance.keepNamed(call.instance.callbacks, handle, registered, 'callbacks')
    return handle
  }),
  ExUnregisterCallback: exported(1, (call) => {
    call.instance.callbacks.delete(call.u64(0))
    return NOTHING
  }),
  // (*CallbackObject, Argument1, Argument2)
  ExNotifyCallback: exported(3, (call) => {
    const [object, first, second] = [call.u64(0), call.u64(1), call.u64(2)]
    for (const registered of Array.from(call.instance.callbacks.values())) {
      if (registered.object !== object) continue
      const args = [registered.context, first, second]
      call.instance.callBack('the callback', registered.routine, args, call.irql)
    }
    return NOTHING
  }),

  // (*Record, Routine, *Buffer, Length, *Component): FALSE where the record is in the list already
  KeRegisterBugCheckCallback: exported(5, (call) => {
    return register(call, RECORD_ROUTINE_AT, RECORD_STATE_AT, () => {
      call.memory.setU64(gva(call.va(0) + 0x18n), call.u64(2))
      call.memory.setU32(gva(call.va(0) + 0x20n), call.u32(3))
      call.memory.setU64(gva(call.va(0) + 0x28n), call.u64(4))
    })
  }),
  KeDeregisterBugCheckCallback: exported(1, (call) => withdraw(call, RECORD_STATE_AT)),
  // (*Record, Routine, Reason, *Component)
  KeRegisterBugCheckReasonCallback: exported(4, (call) => {
    const { callbackRoutine, component, reason, state } = KbugcheckReasonCallbackRecord.fields
    return register(call, callbackRoutine.offset, state.offset, () => {
      call.memory.setU32(gva(call.va(0) + BigInt(reason.offset)), call.u32(2))
      call.memory.setU64(gva(call.va(0) + BigInt(component.offset)), call.u64(3))
    })
  }),
  KeDeregisterBugCheckReasonCallback: exported(1, (call) =>
    withdraw(call, KbugcheckReasonCallbackRecord.fields.state.offset),
  ),
}

function register(call: CallFrame, routineAt: number, stateAt: number, fill: () => void): bigint {
  const state = gva(call.va(0) + BigInt(stateAt))
  if (call.memory.u8(state) === BufferInserted) return asBoolean(false)
  call.memory.setU64(gva(call.va(0) + BigInt(routineAt)), call.u64(1))
  fill()
  call.memory.setU8(state, BufferInserted)
  return asBoolean(true)
}

function withdraw(call: CallFrame, stateAt: number): bigint {
  const state = gva(call.va(0) + BigInt(stateAt))
  const wasInserted = call.memory.u8(state) === BufferInserted
  call.memory.setU8(state, 0)
  return asBoolean(wasInserted)
}

// Exceptions that drivers raise, and the handler that C compilers name for functions with __try: it reads the scope table after the unwind
// information, asks filters, and runs termination handlers. Microsoft "x64 exception handling", language-specific handler data.
import { gva } from '@dumpstack/bytes'
import {
  DispatcherContext,
  EXCEPTION_TARGET_UNWIND,
  EXCEPTION_UNWINDING,
  ExceptionRecord64,
} from '@dumpstack/nt'
import { RaisedException } from '../../guest-fault.ts'
import type { CallFrame } from '../call-frame.ts'
import { POINTERS_BEHIND_DISPATCHER, UnwindRequest } from '../exception-dispatch.ts'
import { type ExportFamily, exported } from './export.ts'

const STATUS_ACCESS_VIOLATION = 0xc000_0005
const STATUS_DATATYPE_MISALIGNMENT = 0x8000_0002
// EXCEPTION_DISPOSITION
const CONTINUE_EXECUTION = 0n
const CONTINUE_SEARCH = 1n
/** Instead of a filter: the __except takes everything. */
const EXCEPTION_EXECUTE_HANDLER = 1n
const ABNORMAL_TERMINATION = 1n
const SCOPE_BYTES = 16
/** No function has more. */
const MAX_SCOPES = 4096

export const EXCEPTION_EXPORTS: ExportFamily = {
  ExRaiseStatus: exported(1, (call) => raise(call, call.u32(0))),
  ExRaiseAccessViolation: exported(0, (call) => raise(call, STATUS_ACCESS_VIOLATION)),
  ExRaiseDatatypeMisalignment: exported(0, (call) => raise(call, STATUS_DATATYPE_MISALIGNMENT)),
  // (*ExceptionRecord)
  RtlRaiseException: exported(1, (call) => raise(call, call.memory.u32(call.va(0)))),
  // (*ExceptionRecord, EstablisherFrame, *ContextRecord, *DispatcherContext)
  __C_specific_handler: exported(4, handle),
}

function raise(call: CallFrame, code: number): never {
  throw new RaisedException(call.instance.image.baseName, call.returnAddress, code, call.returnPlace)
}

/** The scopes of the function, innermost first, that hold the place. */
function handle(call: CallFrame): bigint {
  const { memory } = call
  const flags = memory.u32(gva(call.va(0) + BigInt(ExceptionRecord64.fields.exceptionFlags.offset)))
  const frame = call.u64(1)
  const dispatcher = call.va(3)
  const fields = DispatcherContext.of(memory.bytes(dispatcher, DispatcherContext.size))
  const { controlPc, imageBase, handlerData, targetIp } = fields
  const place = controlPc - imageBase
  const count = Math.min(memory.u32(gva(handlerData)), MAX_SCOPES)
  for (let index = fields.scopeIndex; index < count; index++) {
    const scope = new DataView(
      memory.bytes(gva(handlerData + BigInt(4 + index * SCOPE_BYTES)), SCOPE_BYTES).buffer,
    )
    const [begin, end, handler, target] = [0, 4, 8, 12].map((at) => BigInt(scope.getUint32(at, true))) as [
      bigint,
      bigint,
      bigint,
      bigint,
    ] // one for each offset
    if (place < begin || place >= end) continue
    if ((flags & EXCEPTION_UNWINDING) !== 0) {
      const isTarget = (flags & EXCEPTION_TARGET_UNWIND) !== 0 && target !== 0n
      if (isTarget && targetIp === imageBase + target) break
      if (target !== 0n) continue
      memory.setU32(gva(dispatcher + BigInt(DispatcherContext.fields.scopeIndex.offset)), index + 1)
      const terminate = gva(imageBase + handler)
      call.instance.callBack('the termination handler', terminate, [ABNORMAL_TERMINATION, frame], call.irql)
      continue
    }
    if (target === 0n) continue
    if (handler !== EXCEPTION_EXECUTE_HANDLER) {
      const pointers = dispatcher + POINTERS_BEHIND_DISPATCHER
      const filter = gva(imageBase + handler)
      const answer = call.instance.callBack('the exception filter', filter, [pointers, frame], call.irql)
      const verdict = Number(BigInt.asIntN(32, answer))
      if (verdict < 0) return CONTINUE_EXECUTION
      if (verdict === 0) continue
    }
    throw new UnwindRequest(frame, imageBase + target)
  }
  return CONTINUE_SEARCH
}

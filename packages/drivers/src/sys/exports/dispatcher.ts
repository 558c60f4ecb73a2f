// Objects of the kernel that drivers keep in memory of their own: events, timers, semaphores and DPCs, and the waits for them. They work in
// the running instance, where the port runs what is put off; in a dump a wait or a timer is called above its level, and a DPC breaks DM-21.
// Signatures and layouts as documented for wdm.h.
import { type Gva, gva, hex } from '@dumpstack/bytes'
import { CALL_BUDGET } from '@dumpstack/cpu'
import {
  DispatcherHeader,
  DpcObject,
  Kdpc,
  Ksemaphore,
  Ktimer,
  NotificationEvent,
  SemaphoreObject,
  SynchronizationEvent,
  TimerNotificationObject,
  TimerSynchronizationObject,
} from '@dumpstack/nt'
import { DriverHang } from '../../crash/driver-hang.ts'
import { GuestFault, NotJudged } from '../../guest-fault.ts'
import { DISPATCH_LEVEL } from '../../irql.ts'
import type { StorDpc } from '../../miniport.ts'
import type { CallFrame } from '../call-frame.ts'
import { asBoolean, type ExportFamily, exported, NOTHING } from './export.ts'

const STATUS_WAIT_0 = 0n
const STATUS_TIMEOUT = 0x102n
const ATTEMPTED_SWITCH_FROM_DPC = 0xb8
/** Of a relative time, a Timeout and a DueTime. */
const NS_PER_UNIT = 100n
const NS_PER_MS = 1_000_000
const US_PER_MS = 1000
/** Our choice: how far the machine goes on at a time while a driver waits. */
const WAIT_STEP_NS = NS_PER_MS
const WAIT_STEP_WORK = 400
const MAX_WAIT_OBJECTS = 64
/** Clock interrupts come every 15.625 ms, in units of 100 ns. */
const TIME_INCREMENT = 156_250n

const at = (object: Gva, { offset }: { readonly offset: number }): Gva => gva(object + BigInt(offset))
const { type, signalState } = DispatcherHeader.fields

export const DISPATCHER_EXPORTS: ExportFamily = {
  // (*Event, EVENT_TYPE, State)
  KeInitializeEvent: exported(3, (call) => {
    initialize(call, call.va(0), call.u32(1), DispatcherHeader.size, call.u8(2))
    return NOTHING
  }),
  // (*Event, Increment, Wait)
  KeSetEvent: exported(3, (call) => exchanged(call, 1)),
  KeResetEvent: exported(1, (call) => exchanged(call, 0)),
  KeClearEvent: exported(1, (call) => {
    exchanged(call, 0)
    return NOTHING
  }),
  KeReadStateEvent: exported(1, readState),
  KeReadStateTimer: exported(1, (call) => asBoolean(readState(call) !== 0n)),
  // (*Semaphore, Count, Limit)
  KeInitializeSemaphore: exported(3, (call) => {
    initialize(call, call.va(0), SemaphoreObject, Ksemaphore.size, call.u32(1))
    call.memory.setU32(at(call.va(0), Ksemaphore.fields.limit), call.u32(2))
    return NOTHING
  }),
  // (*Semaphore, Increment, Adjustment, Wait): the state before
  KeReleaseSemaphore: exported(4, (call) => {
    const state = at(call.va(0), signalState)
    const before = call.memory.u32(state)
    call.memory.setU32(state, before + call.u32(2))
    return BigInt(before)
  }),

  // (*Dpc, Routine, Context)
  KeInitializeDpc: exported(3, (call) => {
    const dpc = call.va(0)
    const bytes = new Uint8Array(Kdpc.size)
    const view = Kdpc.of(bytes)
    view.type = DpcObject
    view.importance = 1
    view.deferredRoutine = call.u64(1)
    view.deferredContext = call.u64(2)
    call.memory.write(dpc, bytes)
    call.instance.dpcs.delete(dpc)
    return NOTHING
  }),
  // (*Dpc, SystemArgument1, SystemArgument2): FALSE where it is queued already
  KeInsertQueueDpc: exported(3, (call) => asBoolean(queueDpc(call, call.va(0), call.u64(1), call.u64(2)))),
  KeSetImportanceDpc: exported(2, () => NOTHING),
  KeSetTargetProcessorDpc: exported(2, () => NOTHING),
  KeSetTargetProcessorDpcEx: exported(2, () => STATUS_WAIT_0),
  KeFlushQueuedDpcs: exported(0, (call) => {
    call.port.idle(call.nowNs)
    return NOTHING
  }),

  KeInitializeTimer: exported(1, (call) => {
    initializeTimer(call, TimerNotificationObject)
    return NOTHING
  }),
  // (*Timer, TIMER_TYPE)
  KeInitializeTimerEx: exported(2, (call) => {
    initializeTimer(call, call.u32(1) === 0 ? TimerNotificationObject : TimerSynchronizationObject)
    return NOTHING
  }),
  // (*Timer, DueTime, *Dpc): TRUE where it was set already
  KeSetTimer: exported(3, (call) => asBoolean(setTimer(call, 0, call.va(2)))),
  // (*Timer, DueTime, Period, *Dpc)
  KeSetTimerEx: exported(4, (call) => asBoolean(setTimer(call, call.u32(2), call.va(3)))),
  KeCancelTimer: exported(1, (call) => asBoolean(cancelTimer(call, call.va(0)))),

  // (*Object, WaitReason, WaitMode, Alertable, *Timeout)
  KeWaitForSingleObject: exported(5, (call) => waitFor(call, [call.va(0)], false, call.va(4))),
  // (Count, *Object[], WaitType, WaitReason, WaitMode, Alertable, *Timeout, *WaitBlocks): WaitType 0 waits for all
  KeWaitForMultipleObjects: exported(8, (call) => {
    const count = Math.min(call.u32(0), MAX_WAIT_OBJECTS)
    const objects = Array.from({ length: count }, (_, index) =>
      gva(call.memory.u64(gva(call.va(1) + BigInt(index * 8)))),
    )
    return waitFor(call, objects, call.u32(2) === 0, call.va(6))
  }),
  // (WaitMode, Alertable, *Interval)
  KeDelayExecutionThread: exported(3, (call) => {
    const untilNs = deadlineOf(call, call.va(2))
    while (call.nowNs < untilNs) pass(call, untilNs, 'KeDelayExecutionThread')
    return STATUS_WAIT_0
  }),
  KeQueryTimeIncrement: exported(0, () => TIME_INCREMENT),
}

function initialize(call: CallFrame, object: Gva, kind: number, byteLength: number, state: number): void {
  const bytes = new Uint8Array(byteLength)
  const header = DispatcherHeader.of(bytes)
  header.type = kind
  header.size = byteLength / 4
  header.signalState = state
  const list = object + BigInt(DispatcherHeader.fields.waitListHead.offset)
  header.waitListHead.flink = list
  header.waitListHead.blink = list
  call.memory.write(object, bytes)
}

/** The state of the object, before it became `state`. */
function exchanged(call: CallFrame, state: number): bigint {
  const field = at(call.va(0), signalState)
  const before = call.memory.u32(field)
  call.memory.setU32(field, state)
  return BigInt(before)
}

function readState(call: CallFrame): bigint {
  return BigInt(call.memory.u32(at(call.va(0), signalState)))
}

/** What the port queues for a KDPC: its fields are read when it runs, as the kernel does. */
function dpcAt(call: CallFrame, dpc: Gva): StorDpc {
  const { instance, memory } = call
  const known = instance.dpcs.get(dpc)
  if (known !== undefined) return known
  const made: StorDpc = {
    routine: () => {
      const fields = Kdpc.of(memory.bytes(dpc, Kdpc.size))
      memory.setU64(at(dpc, Kdpc.fields.dpcData), 0n)
      const args = [dpc, fields.deferredContext, fields.systemArgument1, fields.systemArgument2]
      instance.callBack('the DPC routine', gva(fields.deferredRoutine), args, DISPATCH_LEVEL)
    },
  }
  instance.keepNamed(instance.dpcs, dpc, made, 'DPCs')
  return made
}

function queueDpc(call: CallFrame, dpc: Gva, first: bigint, second: bigint): boolean {
  const { instance, memory, port } = call
  if (!port.issueDpc(instance.blockAt(gva(0n)), dpcAt(call, dpc), 'KeInsertQueueDpc')) return false
  memory.setU64(at(dpc, Kdpc.fields.systemArgument1), first)
  memory.setU64(at(dpc, Kdpc.fields.systemArgument2), second)
  memory.setU64(at(dpc, Kdpc.fields.dpcData), dpc)
  // below its level it interrupts who queued it
  if (call.irql < DISPATCH_LEVEL) port.idle(call.nowNs)
  return true
}

function initializeTimer(call: CallFrame, kind: number): void {
  const timer = call.va(0)
  call.memory.write(timer, new Uint8Array(Ktimer.size))
  initialize(call, timer, kind, DispatcherHeader.size, 0)
}

function setTimer(call: CallFrame, periodMs: number, dpc: Gva): boolean {
  const timer = call.va(0)
  const wasSet = cancelTimer(call, timer)
  const { memory, instance } = call
  memory.setU32(at(timer, signalState), 0)
  memory.setU64(at(timer, Ktimer.fields.dpc), dpc)
  memory.setU32(at(timer, Ktimer.fields.period), periodMs)
  memory.setU64(at(timer, Ktimer.fields.dueTime), call.u64(1))
  instance.keep(instance.kernelTimers, timer, 'timers or workers')
  const microseconds = Math.max(1, (untilOf(call, call.u64(1)) - call.nowNs) / 1000)
  startTimer(call, timer, microseconds, periodMs)
  return wasSet
}

/** The call frame is that of the call in progress when the timer fires: what it needs then is kept here. */
function startTimer(call: CallFrame, timer: Gva, microseconds: number, periodMs: number): void {
  const { memory, instance, port } = call
  const fire = (): void => {
    memory.setU32(at(timer, signalState), 1)
    if (periodMs > 0) port.requestTimer(instance.blockAt(gva(0n)), fire, periodMs * US_PER_MS, timer)
    else instance.kernelTimers.delete(timer)
    const dpc = gva(memory.u64(at(timer, Ktimer.fields.dpc)))
    if (dpc === gva(0n)) return
    const { deferredRoutine, deferredContext } = Kdpc.of(memory.bytes(dpc, Kdpc.size))
    const args = [dpc, deferredContext, 0n, 0n] // the arguments of a timer's DPC are not defined
    instance.callBack('the DPC routine', gva(deferredRoutine), args, DISPATCH_LEVEL)
  }
  port.requestTimer(instance.blockAt(gva(0n)), fire, microseconds, timer)
}

function cancelTimer(call: CallFrame, timer: Gva): boolean {
  if (!call.instance.kernelTimers.delete(timer)) return false
  call.port.requestTimer(call.instance.blockAt(gva(0n)), () => {}, 0, timer)
  return true
}

/** Of a Timeout or an Interval at an address; without one a wait lasts as long as a routine may. */
function deadlineOf(call: CallFrame, timeout: Gva): number {
  return timeout === gva(0n) ? call.nowNs + CALL_BUDGET.stallNs : untilOf(call, call.memory.u64(timeout))
}

/** Negative: from now on; otherwise since 1601, as the system time is. */
function untilOf(call: CallFrame, units: bigint): number {
  const signed = BigInt.asIntN(64, units)
  const left = signed < 0n ? -signed : signed - call.port.querySystemTime()
  return call.nowNs + Number((left < 0n ? 0n : left) * NS_PER_UNIT)
}

function waitFor(call: CallFrame, objects: readonly Gva[], forAll: boolean, timeout: Gva): bigint {
  const untilNs = deadlineOf(call, timeout)
  for (;;) {
    const ready = objects.map((object) => isSignalled(call, object))
    const first = ready.indexOf(true)
    if (forAll ? !ready.includes(false) : first >= 0) {
      for (const [index, object] of objects.entries()) if (forAll || index === first) consume(call, object)
      return forAll ? STATUS_WAIT_0 : BigInt(first)
    }
    if (call.nowNs >= untilNs) {
      if (timeout !== gva(0n)) return STATUS_TIMEOUT
      const list = objects.map((object) => hex(object)).join(', ')
      const what = `waits in ${call.returnPlace} for the object at ${list}, which nothing signals within ${CALL_BUDGET.stallNs / 1e9} s of the machine's time`
      throw new DriverHang(call.instance.image.baseName, call.routine, what)
    }
    pass(call, untilNs, 'a wait')
  }
}

/** Time goes on while the driver waits. */
function pass(call: CallFrame, untilNs: number, what: string): void {
  call.charge(WAIT_STEP_WORK)
  const { irql, port } = call
  const canWait = irql < DISPATCH_LEVEL && port.idle(Math.min(untilNs, call.nowNs + WAIT_STEP_NS))
  if (canWait) return
  throw new GuestFault(call.instance.image.baseName, 'read', call.returnAddress, {
    what: `gave up its thread by ${what} at IRQL ${irql} in ${call.returnPlace}, expected a level below DISPATCH_LEVEL or a time-out of 0`,
    bugcheck: { code: ATTEMPTED_SWITCH_FROM_DPC, parameters: [0n, 0n, 0n, 0n] },
  })
}

function isSignalled(call: CallFrame, object: Gva): boolean {
  const kind = call.memory.u8(at(object, type))
  if (!WAITABLE.has(kind)) {
    const { baseName } = call.instance.image
    const what = `waits in ${call.returnPlace} for an object of type ${kind} at ${hex(object)}, which is not modelled: expected an event, a timer or a semaphore`
    throw new NotJudged('OBJECT_NOT_MODELLED', `${baseName} ${what}`, { driver: baseName, object })
  }
  return call.memory.u32(at(object, signalState)) !== 0
}

const WAITABLE: ReadonlySet<number> = new Set([
  NotificationEvent,
  SynchronizationEvent,
  SemaphoreObject,
  TimerNotificationObject,
  TimerSynchronizationObject,
])

/** What an object that let a wait pass is afterwards. */
function consume(call: CallFrame, object: Gva): void {
  const { memory } = call
  const kind = memory.u8(at(object, type))
  const state = at(object, signalState)
  if (kind === SynchronizationEvent || kind === TimerSynchronizationObject) memory.setU32(state, 0)
  else if (kind === SemaphoreObject) memory.setU32(state, memory.u32(state) - 1)
}

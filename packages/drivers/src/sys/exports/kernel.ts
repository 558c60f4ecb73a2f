// ntoskrnl.exe and hal.dll: what simple miniports call beside their port. Signatures as documented for wdm.h and ntddk.h.
import { gpa, gva, hex } from '@dumpstack/bytes'
import { STATUS_INVALID_PARAMETER } from '@dumpstack/nt'
import { GuestFault } from '../../guest-fault.ts'
import type { CallFrame } from '../call-frame.ts'
import { STACK_OVERFLOW } from '../cpu-fault.ts'
import { addressOf, asBoolean, type Export, type ExportFamily, exported, NOTHING } from './export.ts'
import { COUNTER_FREQUENCY, performanceCounter } from './extended.ts'
import { allocatePool } from './pool.ts'
import { STALL } from './stall.ts'

const NS_PER_COUNT = 100n
const VER_PLATFORM_WIN32_NT = 2
/** Major, minor and build number. */
const versionOf = ({ version }: CallFrame): readonly number[] => {
  const { majorVersion, minorVersion, build } = version
  return [majorVersion, minorVersion, build]
}
const STATUS_NOT_FOUND = 0xc000_0225n
const BYTES_PER_CHARACTER = 2

const nothing = (argumentCount: number): Export => exported(argumentCount, () => NOTHING)
const processors = (argumentCount: number): Export => exported(argumentCount, (call) => BigInt(call.cpuCount))
const one = (argumentCount: number): Export => exported(argumentCount, () => 1n)

export const KERNEL_EXPORTS: ExportFamily = {
  // Printing: no kernel debugger is attached.
  DbgPrint: nothing(4),
  DbgPrintEx: nothing(4),
  vDbgPrintEx: nothing(4),
  StorPortDebugPrint: nothing(4),
  ScsiDebugPrint: nothing(4),

  KeBugCheck: exported(1, (call) => bugcheck(call, [0n, 0n, 0n, 0n])),
  KeBugCheckEx: exported(5, (call) => bugcheck(call, [call.u64(1), call.u64(2), call.u64(3), call.u64(4)])),

  KeStallExecutionProcessor: STALL,
  // (*PerformanceFrequency): the counter
  KeQueryPerformanceCounter: exported(1, (call) => {
    if (call.va(0) !== gva(0n)) call.memory.setU64(call.va(0), COUNTER_FREQUENCY)
    return performanceCounter(call)
  }),
  KeQuerySystemTimePrecise: exported(1, systemTime),
  KeQuerySystemTime: exported(1, systemTime),
  KeQueryInterruptTime: exported(0, (call) => BigInt(Math.floor(call.nowNs)) / NS_PER_COUNT),

  // All in group 0; one of them runs drivers, in a dump another than before. The count is the system's in a dump too, where all others have stopped.
  KeQueryActiveProcessorCount: processors(1),
  KeQueryActiveProcessorCountEx: processors(1),
  KeQueryMaximumProcessorCount: processors(0),
  KeQueryMaximumProcessorCountEx: processors(1),
  KeQueryActiveGroupCount: one(0),
  KeQueryMaximumGroupCount: one(0),
  // (ProcIndex, *ProcNumber): group 0, the number is the index
  KeGetProcessorNumberFromIndex: exported(2, (call) => {
    if (call.u32(0) >= call.cpuCount) return BigInt(STATUS_INVALID_PARAMETER)
    call.memory.setU32(call.va(1), call.u32(0) << 16)
    return 0n
  }),
  // (*ProcNumber)
  KeGetProcessorIndexFromNumber: exported(1, (call) => BigInt(call.memory.u8(gva(call.va(0) + 2n)))),
  KeGetCurrentProcessorNumberEx: exported(1, (call) => {
    const number = call.port.currentProcessor()
    if (call.va(0) !== gva(0n)) call.memory.setU32(call.va(0), number << 16)
    return BigInt(number)
  }),

  // (PhysicalAddress, NumberOfBytes, CacheType or Protect)
  MmMapIoSpace: exported(3, mapIoSpace),
  MmMapIoSpaceEx: exported(3, mapIoSpace),
  MmUnmapIoSpace: nothing(2),

  // Memory: pool of the port's, so that dump mode refuses it by the same rule.
  ExAllocatePool: exported(2, (call) => pool(call, call.u32(1))),
  ExAllocatePoolWithTag: exported(3, (call) => pool(call, call.u32(1))),
  ExAllocatePool2: exported(3, (call) => pool(call, call.u32(1))),
  ExFreePool: exported(1, free),
  ExFreePoolWithTag: exported(2, free),
  ExFreePool2: exported(4, free),
  // (BaseAddress)
  MmGetPhysicalAddress: exported(1, (call) => {
    const found = call.port.getPhysicalAddress(call.instance.blockAt(gva(0n)), null, call.va(0))
    return BigInt(found?.gpa ?? 0)
  }),
  MmIsAddressValid: exported(1, (call) => asBoolean(call.translate(call.va(0)) !== null)),
  // (*SystemRoutineName): a routine that this kernel does not have
  MmGetSystemRoutineAddress: exported(1, () => 0n),

  // Strings and versions.
  // (DestinationString, SourceString): UTF-16
  RtlInitUnicodeString: exported(2, (call) => {
    const { memory } = call
    let length = 0
    const source = call.va(1)
    if (source !== gva(0n)) {
      while (length < MAX_CHARACTERS && memory.u16(gva(source + BigInt(length * BYTES_PER_CHARACTER))) !== 0)
        length++
    }
    const to = call.va(0)
    memory.setU16(to, length * BYTES_PER_CHARACTER)
    memory.setU16(gva(to + 2n), source === gva(0n) ? 0 : (length + 1) * BYTES_PER_CHARACTER)
    memory.setU64(gva(to + 8n), source)
    return NOTHING
  }),

  // (*VersionInformation): RTL_OSVERSIONINFOW, or the longer RTL_OSVERSIONINFOEXW
  RtlGetVersion: exported(1, (call) => {
    const at = call.va(0)
    const values = [...versionOf(call), VER_PLATFORM_WIN32_NT]
    for (const [index, value] of values.entries()) call.memory.setU32(gva(at + BigInt(4 + index * 4)), value)
    return 0n
  }),
  // (*MajorVersion, *MinorVersion, *BuildNumber, *CSDVersion); each may be NULL. TRUE: a free build
  PsGetVersion: exported(4, (call) => {
    for (const [index, value] of versionOf(call).entries())
      if (call.va(index) !== gva(0n)) call.memory.setU32(call.va(index), value)
    return 1n
  }),

  // (Version): NTDDI_WIN10 is 0x0a000000, and its releases count on from there
  RtlIsNtDdiVersionAvailable: exported(1, (call) => {
    const { majorVersion, minorVersion } = call.version
    const asked = call.u32(0)
    const own = (majorVersion << 24) | (minorVersion << 16)
    return asBoolean((asked & 0xff) === 0 && asked <= own) // of a sub-version it knows nothing
  }),

  __chkstk: exported(0, probeStack),

  // Tracing: no session is started.
  EtwRegister: exported(4, (call) => {
    if (call.va(3) !== gva(0n)) call.memory.setU64(call.va(3), 0n)
    return 0n
  }),
  EtwUnregister: nothing(1),
  EtwWrite: nothing(5),
  EtwWriteTransfer: nothing(6),
  EtwEventEnabled: nothing(2),
  EtwProviderEnabled: nothing(3),
  EtwSetInformation: nothing(4),
  IoWMIRegistrationControl: nothing(2),
  WmiQueryTraceInformation: exported(4, () => STATUS_NOT_FOUND),
  WmiTraceMessage: nothing(6),
}

const MAX_CHARACTERS = 1024

/** NULL where nothing is: neither RAM nor registers. */
function mapIoSpace(call: CallFrame): bigint {
  const byteLength = Number(call.u64(1))
  const address = call.u64(0)
  if (byteLength === 0 || !call.hasPhysical(address, byteLength)) return 0n
  call.instance.keep(call.instance.mappings, `${address}+${byteLength}`, 'mappings')
  return call.mapIoSpace(gpa(Number(address)), byteLength)
}

/** (BugCheckCode, ...) */
function bugcheck(call: CallFrame, parameters: readonly [bigint, bigint, bigint, bigint]): never {
  const code = call.u32(0)
  const list = parameters.map((parameter) => hex(parameter)).join(', ')
  throw new GuestFault(call.instance.image.baseName, 'read', call.returnAddress, {
    what: `called KeBugCheckEx(${hex(code)}, ${list}) in ${call.returnPlace}`,
    bugcheck: { code, parameters },
  })
}

/** Compilers put the size of a frame into rax and call it before they move rsp: rax has to survive it. */
function probeStack({ rax: frame, rsp, instance }: CallFrame): bigint {
  const lowest = rsp - frame
  if (lowest >= instance.memory.stack.va) return frame
  throw new GuestFault(instance.image.baseName, 'write', gva(BigInt.asUintN(64, lowest)), {
    what: `ran over the end of its stack with a frame of ${hex(frame)} bytes`,
    bugcheck: STACK_OVERFLOW,
  })
}

function systemTime(call: CallFrame): bigint {
  call.memory.setU64(call.va(0), call.port.querySystemTime())
  return NOTHING
}

const pool = (call: CallFrame, byteLength: number): bigint =>
  addressOf(allocatePool(call, gva(0n), byteLength))

function free(call: CallFrame): bigint {
  call.port.freePool(call.instance.blockAt(gva(0n)), call.instance.blockAt(call.va(0)))
  return NOTHING
}

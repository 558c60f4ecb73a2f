// STORPORT_FUNCTION_CODE of storport.h: what a call of StorPortExtendedFunction means, and how many arguments it has. The codes are
// counted from 0; those above LogHardwareError came later and are answered as an older system does.
import type { CallFrame } from './call-frame.ts'
import type { CallMeaning } from './notification-type.ts'

/** In the order of their codes; with function code and device extension, 6 where no documentation was at hand. */
const FUNCTIONS = [
  ['AllocatePool', 5],
  ['FreePool', 3],
  ['AllocateMdl', 5],
  ['FreeMdl', 3],
  ['BuildMdlForNonPagedPool', 3],
  ['GetSystemAddress', 4],
  ['GetOriginalMdl', 4],
  ['CompleteServiceIrp', 3],
  ['GetDeviceObjects', 5],
  ['BuildScatterGatherList', 10],
  ['PutScatterGatherList', 4],
  ['AcquireMSISpinLock', 4],
  ['ReleaseMSISpinLock', 4],
  ['GetMessageInterruptInformation', 4],
  ['InitializePerformanceOptimizations', 4],
  ['GetStartIoPerformanceParameters', 4],
  ['LogSystemEvent', 4],
  ['GetCurrentProcessorNumber', 3],
  ['GetActiveGroupCount', 3],
  ['GetGroupAffinity', 4],
  ['GetActiveNodeCount', 3],
  ['GetNodeAffinity', 4],
  ['GetHighestNodeNumber', 3],
  ['GetLogicalProcessorRelationship', 6],
  ['AllocateContiguousMemorySpecifyCacheNode', 9],
  ['FreeContiguousMemorySpecifyCache', 5],
  ['SetPowerSettingNotificationGuids', 4],
  ['InvokeAcpiMethod', 9],
  ['GetRequestInfo', 4],
  ['InitializeWorker', 3],
  ['QueueWorkItem', 5],
  ['FreeWorker', 3],
  ['InitializeTimer', 3],
  ['RequestTimer', 7],
  ['FreeTimer', 3],
  ['InitializeSListHead', 3],
  ['InterlockedFlushSList', 4],
  ['InterlockedPopEntrySList', 4],
  ['InterlockedPushEntrySList', 5],
  ['QueryDepthSList', 4],
  ['GetActivityId', 4],
  ['GetSystemPortNumber', 3],
  ['GetDataInBufferMdl', 4],
  ['GetDataInBufferSystemAddress', 4],
  ['GetDataInBufferScatterGatherList', 4],
  ['MarkDumpMemory', 5],
  ['SetUnitAttributes', 4],
  ['QueryPerformanceCounter', 4],
  ['InitializePoFxPower', 5],
  ['PoFxActivateComponent', 6],
  ['PoFxIdleComponent', 6],
  ['PoFxSetComponentLatency', 5],
  ['PoFxSetComponentResidency', 5],
  ['PoFxPowerControl', 9],
  ['FlushDataBufferMdl', 3],
  ['DeviceOperationAllowed', 5],
  ['GetProcessorIndexFromNumber', 4],
  ['PoFxSetIdleTimeout', 4],
  ['MiniportEtwEvent2', 13],
  ['MiniportEtwEvent4', 17],
  ['MiniportEtwEvent8', 25],
  ['CurrentOsInstallationUpgrade', 3],
  ['RegistryReadAdapterKey', 7],
  ['RegistryWriteAdapterKey', 7],
  ['SetAdapterBusType', 3],
  ['PoFxRegisterPerfStates', 6],
  ['PoFxSetPerfState', 6],
  ['GetD3ColdSupport', 4],
  ['InitializeRpmb', 6],
  ['AllocateHmb', 6],
  ['FreeHmb', 6],
  ['PropagateIrpExtension', 6],
  ['InterlockedInsertHeadList', 6],
  ['InterlockedInsertTailList', 6],
  ['InterlockedRemoveHeadList', 5],
  ['InitializeSpinlock', 3],
  ['GetPfns', 6],
  ['InitializeCryptoEngine', 6],
  ['GetRequestCryptoInfo', 6],
  ['MiniportTelemetry', 4],
  ['UpdateAdapterMaxIO', 3],
  ['DelayExecution', 3],
  ['AllocateDmaMemory', 10],
  ['FreeDmaMemory', 6],
  ['UpdateAdapterMaxIOInfo', 6],
  ['MiniportChannelEtwEvent2', 14],
  ['MiniportChannelEtwEvent4', 18],
  ['MiniportChannelEtwEvent8', 26],
  ['InitializeHighResolutionTimer', 6],
  ['RequestHighResolutionTimer', 6],
  ['CancelHighResolutionTimer', 6],
  ['FreeHighResolutionTimer', 6],
  ['GetCurrentProcessorIndex', 3],
  ['AcquireSpinLock', 5],
  ['GetProcessorCount', 6],
  ['CancelDpc', 6],
  ['MiniportTelemetryEx', 6],
  ['QueryConfiguration', 6],
  ['LogHardwareError', 6],
] as const

/** Without the `ExtFunction` of the header. */
export type ExtendedFunctionName = (typeof FUNCTIONS)[number][0]

/** Null for a code that is not in the list. */
export const extendedFunctionName = (code: number): ExtendedFunctionName | null =>
  FUNCTIONS[code]?.[0] ?? null

/** What `FunctionCode`, the first argument, stands for. */
export function extendedFunctionMeaning(code: number): CallMeaning | null {
  const found = FUNCTIONS[code]
  return found === undefined ? null : { name: found[0], argumentCount: found[1] }
}

/** Each answers a STOR_STATUS. */
export type ExtendedFunctions = Readonly<Partial<Record<ExtendedFunctionName, (call: CallFrame) => number>>>

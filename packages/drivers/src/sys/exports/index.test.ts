// The names that storage miniports were seen to import: surveys of drivers for Windows XP x64 to 10 (import tables of what vendors and open
// projects ship), and the export list of the XP x64 storport.sys. What each does is tried by guest code in packages/windows/src/check.
import { expect, it } from 'vitest'
import { DATA_IMPORTS } from '../data-imports.ts'
import { EXPORTS } from './index.ts'

const missing = (prefix: string, names: string): string[] =>
  names
    .trim()
    .split(/\s+/)
    .map((name) => prefix + name)
    .filter((name) => !EXPORTS.has(name) && !DATA_IMPORTS.includes(name))

it('has what hardware miniports import of storport.sys', () => {
  const storport = `Initialize Notification ExtendedFunction GetDeviceBase FreeDeviceBase GetPhysicalAddress GetVirtualAddress
    GetScatterGatherList GetUncachedExtension GetBusData SetBusDataByOffset SetDeviceQueueDepth StallExecution Busy Ready Pause Resume
    PauseDevice ResumeDevice DeviceBusy DeviceReady AllocateRegistryBuffer FreeRegistryBuffer RegistryRead RegistryWrite QuerySystemTime
    LogError DebugPrint MoveMemory AllocateDmaMemory FreeDmaMemory GetLogicalUnit`
  expect(missing('StorPort', storport)).toEqual([])
  expect(missing('ScsiPort', 'WmiDispatchFunction WmiPostProcess WmiFireLogicalUnitEvent')).toEqual([])
})

it('has what the storport.sys of XP x64 exports to miniports', () => {
  const older = `CompleteRequest ConvertUlongToPhysicalAddress GetLogicalUnit GetSrb SynchronizeAccess ValidateRange
    ReadPortUchar ReadPortUshort ReadPortUlong ReadPortBufferUchar ReadPortBufferUshort ReadPortBufferUlong
    WritePortUchar WritePortUshort WritePortUlong WritePortBufferUchar WritePortBufferUshort WritePortBufferUlong
    ReadRegisterUchar ReadRegisterUshort ReadRegisterUlong ReadRegisterBufferUchar ReadRegisterBufferUshort ReadRegisterBufferUlong
    WriteRegisterUchar WriteRegisterUshort WriteRegisterUlong WriteRegisterBufferUchar WriteRegisterBufferUshort WriteRegisterBufferUlong`
  expect(missing('StorPort', older)).toEqual([])
  expect(missing('', 'memcpy memmove memset ScsiPortMoveMemory ScsiPortNotification')).toEqual([])
})

it('has what they import of the kernel', () => {
  const kernel = `DbgPrint KeBugCheck KeBugCheckEx KeQueryActiveProcessorCountEx KeQueryMaximumProcessorCountEx KeStallExecutionProcessor
    KeTickCount MmGetPhysicalAddress __C_specific_handler memcpy memset strncmp`
  expect(missing('', kernel)).toEqual([])
})

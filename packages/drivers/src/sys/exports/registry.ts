// The kernel's registry and file routines, which drivers call at PASSIVE_LEVEL: no key or file of theirs exists here, and in dump mode
// asking is a broken rule already (DM-08).
import { STATUS_OBJECT_NAME_NOT_FOUND } from '@dumpstack/nt'
import { type Export, type ExportFamily, exported } from './export.ts'

/** STATUS_INVALID_HANDLE. */
const INVALID_HANDLE = 0xc000_0008n

const refused = (name: string, argumentCount: number, answer: bigint): [string, Export] => [
  name,
  exported(argumentCount, (call) => {
    call.port.passiveCall(name)
    return answer
  }),
]
const NOT_FOUND = BigInt(STATUS_OBJECT_NAME_NOT_FOUND)

export const REGISTRY_EXPORTS: ExportFamily = Object.fromEntries([
  refused('ZwOpenKey', 3, NOT_FOUND),
  refused('ZwCreateKey', 7, NOT_FOUND),
  refused('ZwOpenFile', 6, NOT_FOUND),
  refused('ZwCreateFile', 11, NOT_FOUND),
  refused('IoOpenDeviceRegistryKey', 4, NOT_FOUND),
  refused('RtlQueryRegistryValues', 5, NOT_FOUND),
  refused('RtlWriteRegistryValue', 6, NOT_FOUND),
  refused('ZwQueryValueKey', 6, INVALID_HANDLE),
  refused('ZwSetValueKey', 6, INVALID_HANDLE),
  refused('ZwClose', 1, INVALID_HANDLE),
])

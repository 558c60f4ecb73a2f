// The kernel's registry and file routines, which drivers call at PASSIVE_LEVEL: no key or file of theirs exists here.
import { STATUS_OBJECT_NAME_NOT_FOUND } from '@dumpstack/nt'
import { type Export, type ExportFamily, exported } from './export.ts'

/** STATUS_INVALID_HANDLE. */
const INVALID_HANDLE = 0xc000_0008n

const answers = (argumentCount: number, answer: bigint): Export => exported(argumentCount, () => answer)
const NOT_FOUND = BigInt(STATUS_OBJECT_NAME_NOT_FOUND)

export const REGISTRY_EXPORTS: ExportFamily = {
  ZwOpenKey: answers(3, NOT_FOUND),
  ZwCreateKey: answers(7, NOT_FOUND),
  ZwOpenFile: answers(6, NOT_FOUND),
  ZwCreateFile: answers(11, NOT_FOUND),
  IoOpenDeviceRegistryKey: answers(4, NOT_FOUND),
  RtlQueryRegistryValues: answers(5, NOT_FOUND),
  RtlWriteRegistryValue: answers(6, NOT_FOUND),
  ZwQueryValueKey: answers(6, INVALID_HANDLE),
  ZwSetValueKey: answers(6, INVALID_HANDLE),
  ZwClose: answers(1, INVALID_HANDLE),
}

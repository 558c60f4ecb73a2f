// The kernel's registry routines for the running driver, whose service key exists; files do not. Argument lists and structures as documented for
// wdm.h; in a dump each of them is called above its level. Not modelled: enumeration of keys and values, notification.
import { type Gva, gva } from '@dumpstack/bytes'
import { STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS } from '@dumpstack/nt'
import type { CallFrame } from '../call-frame.ts'
import {
  REG_EXPAND_SZ,
  REG_MULTI_SZ,
  REG_NONE,
  REG_SZ,
  type RegistryValue,
  utf16,
} from '../kernel-registry.ts'
import { type Export, type ExportFamily, exported } from './export.ts'
import { objectName, rootDirectory, unicodeString } from './object-name.ts'
import { allocatePool } from './pool.ts'

const SUCCESS = BigInt(STATUS_SUCCESS)
const NOT_FOUND = BigInt(STATUS_OBJECT_NAME_NOT_FOUND)
const INVALID_HANDLE = 0xc000_0008n
const INVALID_PARAMETER = BigInt(STATUS_INVALID_PARAMETER)
const BUFFER_OVERFLOW = 0x8000_0005n
const BUFFER_TOO_SMALL = 0xc000_0023n
const INSUFFICIENT_RESOURCES = 0xc000_009an
const REG_CREATED_NEW_KEY = 1
const REG_OPENED_EXISTING_KEY = 2
/** Our choice: the largest value that is kept. */
const MAX_DATA = 0x1_0000
const MAX_OPEN = 4096

const answers = (argumentCount: number, answer: bigint): Export => exported(argumentCount, () => answer)

/** KEY_VALUE_INFORMATION_CLASS: what comes before the data, and whether the name does. */
const BASIC = 0
const FULL = 1
const PARTIAL = 2
const PARTIAL_ALIGN_64 = 4

export const REGISTRY_EXPORTS: ExportFamily = {
  // (*KeyHandle, DesiredAccess, *ObjectAttributes)
  ZwOpenKey: exported(3, openKey),
  // (..., OpenOptions)
  ZwOpenKeyEx: exported(4, openKey),
  // (*KeyHandle, DesiredAccess, *ObjectAttributes, TitleIndex, *Class, CreateOptions, *Disposition)
  ZwCreateKey: exported(7, (call) => {
    const path = pathOf(call, call.va(2))
    if (path === null) return INVALID_HANDLE
    const { registry } = call.instance
    const disposition = registry.has(path) ? REG_OPENED_EXISTING_KEY : REG_CREATED_NEW_KEY
    if (!registry.create(path)) return INSUFFICIENT_RESOURCES
    if (call.va(6) !== gva(0n)) call.memory.setU32(call.va(6), disposition)
    return giveHandle(call, call.va(0), path)
  }),
  ZwClose: exported(1, (call) => (call.instance.registry.close(call.u64(0)) ? SUCCESS : INVALID_HANDLE)),
  ZwFlushKey: exported(1, (call) =>
    call.instance.registry.pathOf(call.u64(0)) === null ? INVALID_HANDLE : SUCCESS,
  ),
  // (KeyHandle, *ValueName, InformationClass, *Information, Length, *ResultLength)
  ZwQueryValueKey: exported(6, queryValue),
  // (KeyHandle, *ValueName, TitleIndex, Type, *Data, DataSize)
  ZwSetValueKey: exported(6, (call) => {
    const path = call.instance.registry.pathOf(call.u64(0))
    if (path === null) return INVALID_HANDLE
    return setValue(call, path, unicodeString(call, call.va(1)), call.u32(3), call.va(4), call.u32(5))
  }),
  // (KeyHandle, *ValueName)
  ZwDeleteValueKey: exported(2, (call) => {
    const path = call.instance.registry.pathOf(call.u64(0))
    if (path === null) return INVALID_HANDLE
    return call.instance.registry.deleteValue(path, unicodeString(call, call.va(1))) ? SUCCESS : NOT_FOUND
  }),
  // (*DeviceObject, DevInstKeyType, DesiredAccess, *KeyHandle)
  IoOpenDeviceRegistryKey: exported(4, (call) => {
    const path = `${DEVICE_KEYS}\\${call.u32(1)}`
    if (!call.instance.registry.create(path)) return INSUFFICIENT_RESOURCES
    return giveHandle(call, call.va(3), path)
  }),

  // (RelativeTo, *Path, *QueryTable, Context, Environment); paths and names are NUL-terminated
  RtlQueryRegistryValues: exported(5, queryTable),
  // (RelativeTo, *Path, *ValueName, Type, *Data, Length)
  RtlWriteRegistryValue: exported(6, (call) => {
    const path = relativePath(call)
    if (path === null) return INVALID_PARAMETER
    return setValue(call, path, call.memory.wideString(call.va(2)), call.u32(3), call.va(4), call.u32(5))
  }),
  // (RelativeTo, *Path)
  RtlCheckRegistryKey: exported(2, (call) => {
    const path = relativePath(call)
    return path !== null && call.instance.registry.has(path) ? SUCCESS : NOT_FOUND
  }),
  RtlCreateRegistryKey: exported(2, (call) => {
    const path = relativePath(call)
    if (path === null) return INVALID_PARAMETER
    return call.instance.registry.create(path) ? SUCCESS : INSUFFICIENT_RESOURCES
  }),
  // (RelativeTo, *Path, *ValueName)
  RtlDeleteRegistryValue: exported(3, (call) => {
    const path = relativePath(call)
    const name = call.memory.wideString(call.va(2))
    return path !== null && call.instance.registry.deleteValue(path, name) ? SUCCESS : NOT_FOUND
  }),

  ZwOpenFile: answers(6, NOT_FOUND),
  ZwCreateFile: answers(11, NOT_FOUND),
}

/** Of the device itself: hardware key and software key, by DevInstKeyType. */
const DEVICE_KEYS = '\\Registry\\Machine\\System\\CurrentControlSet\\Enum\\PCI\\Device'
const CONTROL_SET = '\\Registry\\Machine\\System\\CurrentControlSet'
/** RTL_REGISTRY_*, without the bits RTL_REGISTRY_HANDLE and RTL_REGISTRY_OPTIONAL. */
const ROOTS: readonly string[] = [
  '',
  `${CONTROL_SET}\\Services\\`,
  `${CONTROL_SET}\\Control\\`,
  '\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion\\',
  '\\Registry\\Machine\\Hardware\\DeviceMap\\',
  '\\Registry\\User\\CurrentUser\\',
]
const RTL_REGISTRY_HANDLE = 0x4000_0000

/** Null of a handle that is none, and of a root that no header names. */
function relativePath(call: CallFrame): string | null {
  const relativeTo = call.u32(0)
  if ((relativeTo & RTL_REGISTRY_HANDLE) !== 0) return call.instance.registry.pathOf(call.u64(1))
  const root = ROOTS[relativeTo & 0xffff]
  return root === undefined ? null : root + call.memory.wideString(call.va(1))
}

function pathOf(call: CallFrame, attributes: Gva): string | null {
  const name = objectName(call, attributes)
  const root = rootDirectory(call, attributes)
  if (root === 0n) return name
  const parent = call.instance.registry.pathOf(root)
  if (parent === null) return null
  return name === '' ? parent : `${parent}\\${name}`
}

function openKey(call: CallFrame): bigint {
  const path = pathOf(call, call.va(2))
  if (path === null) return INVALID_HANDLE
  return call.instance.registry.has(path) ? giveHandle(call, call.va(0), path) : NOT_FOUND
}

function giveHandle(call: CallFrame, to: Gva, path: string): bigint {
  const { registry } = call.instance
  if (registry.openCount >= MAX_OPEN) return INSUFFICIENT_RESOURCES
  const handle = 0xffff_ffff_8000_0000n + call.instance.newHandle() * 4n // a kernel handle
  registry.keep(handle, path)
  call.memory.setU64(to, handle)
  return SUCCESS
}

function setValue(
  call: CallFrame,
  path: string,
  name: string,
  type: number,
  data: Gva,
  byteLength: number,
): bigint {
  if (byteLength > MAX_DATA) return INSUFFICIENT_RESOURCES
  const value = { name, type, data: call.memory.bytes(data, byteLength) }
  return call.instance.registry.setValue(path, value) ? SUCCESS : INSUFFICIENT_RESOURCES
}

function queryValue(call: CallFrame): bigint {
  const path = call.instance.registry.pathOf(call.u64(0))
  if (path === null) return INVALID_HANDLE
  const value = call.instance.registry.value(path, unicodeString(call, call.va(1)))
  if (value === null) return NOT_FOUND
  const found = information(call.u32(2), value)
  if (found === null) return INVALID_PARAMETER
  const room = call.u32(4)
  if (call.va(5) !== gva(0n)) call.memory.setU32(call.va(5), found.bytes.byteLength)
  if (room < found.headerLength) return BUFFER_TOO_SMALL
  call.memory.write(call.va(3), found.bytes.subarray(0, Math.min(room, found.bytes.byteLength)))
  return room < found.bytes.byteLength ? BUFFER_OVERFLOW : SUCCESS
}

/** Null of a class that is not known. */
function information(
  kind: number,
  { name, type, data }: RegistryValue,
): { readonly bytes: Uint8Array; readonly headerLength: number } | null {
  const nameBytes = utf16(name).subarray(0, name.length * 2)
  const shapes: Readonly<Record<number, readonly [header: readonly number[], parts: readonly Uint8Array[]]>> =
    {
      [BASIC]: [[0, type, nameBytes.byteLength], [nameBytes]],
      [FULL]: [
        [0, type, 0x14 + nameBytes.byteLength, data.byteLength, nameBytes.byteLength],
        [nameBytes, data],
      ],
      [PARTIAL]: [[0, type, data.byteLength], [data]],
      [PARTIAL_ALIGN_64]: [[type, data.byteLength], [data]],
    }
  const shape = shapes[kind]
  if (shape === undefined) return null
  const [header, parts] = shape
  const headerLength = header.length * 4
  const bytes = new Uint8Array(headerLength + parts.reduce((sum, part) => sum + part.byteLength, 0))
  const view = new DataView(bytes.buffer)
  for (const [index, word] of header.entries()) view.setUint32(index * 4, word, true)
  let at = headerLength
  for (const part of parts) {
    bytes.set(part, at)
    at += part.byteLength
  }
  return { bytes, headerLength }
}

// RtlQueryRegistryValues

/** RTL_QUERY_REGISTRY_TABLE: QueryRoutine, Flags, Name, EntryContext, DefaultType, DefaultData, DefaultLength. */
const ENTRY_BYTES = 0x38
const MAX_ENTRIES = 256
const RTL_QUERY_REGISTRY_SUBKEY = 0x01
const RTL_QUERY_REGISTRY_TOPKEY = 0x02
const RTL_QUERY_REGISTRY_REQUIRED = 0x04
const RTL_QUERY_REGISTRY_NOVALUE = 0x08
const RTL_QUERY_REGISTRY_DIRECT = 0x20
const RTL_QUERY_REGISTRY_DELETE = 0x40
const STRINGS: ReadonlySet<number> = new Set([REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ])

interface TableEntry {
  readonly routine: Gva
  readonly flags: number
  readonly name: Gva
  readonly context: Gva
  readonly fallback: Omit<RegistryValue, 'name'> | null
}

function queryTable(call: CallFrame): bigint {
  const top = relativePath(call)
  if (top === null) return INVALID_PARAMETER
  const { registry } = call.instance
  if (!registry.has(top)) return NOT_FOUND
  let path = top
  for (let index = 0; index < MAX_ENTRIES; index++) {
    const entry = tableEntry(call, gva(call.va(2) + BigInt(index * ENTRY_BYTES)))
    if (entry.routine === gva(0n) && entry.name === gva(0n)) return SUCCESS
    const name = entry.name === gva(0n) ? '' : call.memory.wideString(entry.name)
    if ((entry.flags & (RTL_QUERY_REGISTRY_SUBKEY | RTL_QUERY_REGISTRY_TOPKEY)) !== 0) path = top
    if ((entry.flags & RTL_QUERY_REGISTRY_SUBKEY) !== 0) {
      path = `${top}\\${name}`
      if (registry.has(path)) continue
      if ((entry.flags & RTL_QUERY_REGISTRY_REQUIRED) !== 0) return NOT_FOUND
      continue
    }
    const status = queryEntry(call, path, name, entry)
    if (status >= 0xc000_0000n) return status
  }
  return INVALID_PARAMETER
}

function tableEntry({ memory }: CallFrame, at: Gva): TableEntry {
  const view = new DataView(memory.bytes(at, ENTRY_BYTES).buffer)
  const address = (offset: number): Gva => gva(view.getBigUint64(offset, true))
  const type = view.getUint32(0x20, true) & 0xffffff
  const length = view.getUint32(0x30, true)
  const data = address(0x28)
  const hasFallback = type !== REG_NONE && data !== gva(0n)
  const known = length === 0 && STRINGS.has(type) && hasFallback ? utf16(memory.wideString(data)) : null
  const bytes = known ?? (hasFallback ? memory.bytes(data, Math.min(length, MAX_DATA)) : new Uint8Array(0))
  return {
    routine: address(0),
    flags: view.getUint32(8, true),
    name: address(0x10),
    context: address(0x18),
    fallback: hasFallback ? { type, data: bytes } : null,
  }
}

function queryEntry(call: CallFrame, path: string, name: string, entry: TableEntry): bigint {
  const { registry } = call.instance
  if ((entry.flags & RTL_QUERY_REGISTRY_NOVALUE) !== 0) return callRoutine(call, entry, null)
  const all = name === '' ? Array.from(registry.values(path)) : [registry.value(path, name)]
  for (const found of all) {
    const value = found ?? (entry.fallback === null ? null : { name, ...entry.fallback })
    if (value === null) {
      if ((entry.flags & RTL_QUERY_REGISTRY_REQUIRED) !== 0) return NOT_FOUND
      continue
    }
    const isDirect = (entry.flags & RTL_QUERY_REGISTRY_DIRECT) !== 0
    const status = isDirect ? storeDirect(call, entry.context, value) : callRoutine(call, entry, value)
    if (status !== SUCCESS) return status
    if ((entry.flags & RTL_QUERY_REGISTRY_DELETE) !== 0) registry.deleteValue(path, value.name)
  }
  return SUCCESS
}

/** Text goes where a UNICODE_STRING points, other data to the address itself: up to four bytes, or as many as a negative length there says. */
function storeDirect(call: CallFrame, to: Gva, { type, data }: RegistryValue): bigint {
  const { memory } = call
  if (!STRINGS.has(type)) {
    const said = memory.u32(to) | 0
    const room = said < 0 ? -said : 4
    if (data.byteLength > room) return data.byteLength > 4 && said >= 0 ? INVALID_PARAMETER : BUFFER_TOO_SMALL
    memory.write(to, data)
    return SUCCESS
  }
  const buffer = gva(memory.u64(gva(to + 8n)))
  const room = buffer === gva(0n) ? data.byteLength : memory.u16(gva(to + 2n))
  if (data.byteLength > room) return BUFFER_TOO_SMALL
  let at = buffer
  if (at === gva(0n)) {
    const block = allocatePool(call, gva(0n), data.byteLength)
    if (block === null) return INSUFFICIENT_RESOURCES
    at = block.va
    memory.setU64(gva(to + 8n), at)
    memory.setU16(gva(to + 2n), data.byteLength)
  }
  memory.write(at, data)
  memory.setU16(to, Math.max(0, data.byteLength - 2)) // without the NUL
  return SUCCESS
}

/** (ValueName, ValueType, ValueData, ValueLength, Context, EntryContext) */
function callRoutine(call: CallFrame, entry: TableEntry, value: RegistryValue | null): bigint {
  const { instance, memory } = call
  const name = value === null ? new Uint8Array(0) : utf16(value.name)
  const data = value?.data ?? new Uint8Array(0)
  const block = allocatePool(call, gva(0n), name.byteLength + data.byteLength + 8)
  if (block === null) return INSUFFICIENT_RESOURCES
  const dataAt = gva(block.va + BigInt((name.byteLength + 7) & ~7))
  memory.write(block.va, name)
  memory.write(dataAt, data)
  const args = [
    value === null ? 0n : block.va,
    BigInt(value?.type ?? REG_NONE),
    value === null ? 0n : dataAt,
    BigInt(data.byteLength),
    call.u64(3),
    entry.context,
  ]
  const status = instance.callBack('the query routine', entry.routine, args, call.irql) & 0xffffffffn
  call.port.freePool(instance.blockAt(gva(0n)), block)
  return status
}

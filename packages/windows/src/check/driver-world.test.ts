// What a running driver finds around itself, read by guest code: its driver object, its service key, its adapter's device objects, and what answers
// when it sends a request.
import { gpa, gva } from '@dumpstack/bytes'
import { buildPe } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { at, extension, held, type PortCalls, portCallsWith, type Step } from './port-calls.test-support.ts'

const machineWith = portCallsWith(buildPe)
function running(findAdapter: readonly Step[], data: Readonly<Record<number, Uint8Array>> = {}): PortCalls {
  const calls = machineWith({ findAdapter, data }).run()
  expect(calls.error).toMatchObject({ code: 'ADAPTER_NOT_FOUND' })
  return calls
}
const ascii = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`)
const wide = (text: string): Uint8Array =>
  Uint8Array.from([...`${text}\0`].flatMap((one) => [one.charCodeAt(0), 0]))
const textAt = (calls: PortCalls, offset: number, length: number): string =>
  new TextDecoder('utf-16le').decode(calls.bytes(offset, length))
/** Memory of the kernel, by its address. */
function kernelU64(calls: PortCalls, va: bigint): bigint {
  const bytes = new Uint8Array(8)
  calls.machine.ram.read(gpa(calls.kernel.vaToGpa(gva(va))!), bytes)
  return new DataView(bytes.buffer).getBigUint64(0, true)
}
// The driver's own copies of what DriverEntry got
const DRIVER_OBJECT = held(0x1810)
const REGISTRY_PATH = held(0x1818)
const SERVICE = '\\Registry\\Machine\\System\\CurrentControlSet\\Services\\calls'

it('RegistryPath is the service key, and the driver object has its name', () => {
  const calls = running(
    [
      ['RtlCompareMemory', DRIVER_OBJECT, at(0), 4],
      ['memcpy', at(0x100), REGISTRY_PATH, 0x10],
      ['memcpy', at(0x200), held(0x108), 0x80],
      ['memcpy', at(0x300), DRIVER_OBJECT, 0x70],
      ['memcpy', at(0x400), held(0x340), 0x20],
    ],
    { 0: Uint8Array.of(4, 0, 0x50, 1) },
  )
  expect(calls.result(0)).toBe(4n) // IO_TYPE_DRIVER, and its size
  expect(calls.u32(0x100) & 0xffff).toBe(SERVICE.length * 2)
  expect(textAt(calls, 0x200, SERVICE.length * 2)).toBe(SERVICE)
  expect(textAt(calls, 0x400, 26)).toBe('\\Driver\\calls')
})

/** OBJECT_ATTRIBUTES over the name that lies at 0x140, whose UNICODE_STRING is made at 0x130. */
const open = (access = 0x20019): readonly Step[] => [
  ['RtlInitUnicodeString', at(0x130), at(0x140)],
  // Length, RootDirectory, ObjectName: the address comes from a KDPC, which stores it
  ['KeInitializeDpc', at(0x0e8), at(0x130), 0],
  { to: at(0x0f0), offset: 0, bytes: 4, value: 0x30 },
  { to: at(0x0f8), offset: 0, bytes: 4, value: 0 },
  { to: at(0x0fc), offset: 0, bytes: 4, value: 0 },
  ['ZwOpenKey', at(0x0d0), access, at(0x0f0)],
]

it('the service key has the values of an installed boot driver', () => {
  const calls = running(
    [
      ...open(),
      ['RtlInitUnicodeString', at(0x1e0), at(0x1f0)],
      ['ZwQueryValueKey', held(0x0d0), at(0x1e0), 2, at(0x300), 8, at(0x2f0)],
      ['ZwQueryValueKey', held(0x0d0), at(0x1e0), 2, at(0x300), 0x80, at(0x2f0)],
      ['ZwClose', held(0x0d0)],
      ['ZwClose', held(0x0d0)],
    ],
    { 320: wide(SERVICE), 496: wide('imagepath') },
  )
  expect(calls.result(2)).toBe(0n)
  expect(calls.result(4)).toBe(0xc0000023n)
  expect(calls.result(5)).toBe(0n)
  const [type, length] = [calls.u32(0x304), calls.u32(0x308)]
  expect([type, length, calls.u32(0x2f0)]).toEqual([2, 54, 66])
  expect(textAt(calls, 0x30c, length - 2)).toBe('System32\\drivers\\calls.sys')
  expect([calls.result(6), calls.result(7)]).toEqual([0n, 0xc0000008n])
})

it('a key that is not there is not found, and a value that is written can be read', () => {
  const calls = running(
    [
      ...open(),
      ['RtlWriteRegistryValue', 1, at(0x200), at(0x280), 4, at(0x2c0), 4],
      ['RtlQueryRegistryValues', 1, at(0x200), at(0x300), 0, 0],
      ['RtlCheckRegistryKey', 1, at(0x200)],
    ],
    {
      320: wide('\\Registry\\Machine\\Nothing'),
      512: wide('calls\\Parameters'),
      640: wide('Depth'),
      704: Uint8Array.of(7, 0, 0, 0),
    },
  )
  expect(calls.result(2)).toBe(0xc0000034n)
  expect([3, 4, 5].map((index) => calls.result(index))).toEqual([0n, 0n, 0n])
})

it('a query table stores a number where its entry points', () => {
  // QueryRoutine 0, Flags, Name, EntryContext: two entries, made of KDPCs, which store two addresses in a row
  const entry = (table: number, name: number, context: number): readonly Step[] => [
    ['KeInitializeDpc', at(table - 8), at(name), at(context)],
    { to: at(table), offset: 0, bytes: 4, value: 0 },
    { to: at(table), offset: 8, bytes: 4, value: 0x20 },
  ]
  const calls = running(
    [...entry(0x700, 0x280, 0x2d0), ['RtlQueryRegistryValues', 1, at(0x200), at(0x700), 0, 0]],
    { 512: wide('calls'), 640: wide('ErrorControl') },
  )
  expect(calls.result(1)).toBe(0n)
  expect(calls.u32(0x2d0)).toBe(1)
})

it('the adapter has device objects, of which the functional one is the driver’s', () => {
  const calls = running([
    ['StorPortExtendedFunction', 8, extension, at(0x100), at(0x108), at(0x110)],
    ['IoGetAttachedDeviceReference', held(0x108)],
  ])
  expect(calls.result(0)).toBe(0n)
  const [functional, physical, lower] = [0x100, 0x108, 0x110].map((offset) => calls.u64(offset)) as [
    bigint,
    bigint,
    bigint,
  ] // three offsets
  expect(lower).toBe(physical)
  expect(calls.result(1)).toBe(functional)
  expect(kernelU64(calls, functional) & 0xffffffffn).toBe(0x1500003n)
  expect(kernelU64(calls, functional + 8n)).toBe(calls.u64(0x1810))
  expect(kernelU64(calls, physical + 0x18n)).toBe(functional)
})

it('a request to the bus driver is refused, with its status block and event', () => {
  const calls = running([
    ['StorPortExtendedFunction', 8, extension, at(0x100), at(0x108), at(0x110)],
    ['KeInitializeEvent', at(0x140), 0, 0],
    ['IoBuildDeviceIoControlRequest', 0x2d1400, held(0x110), 0, 0, 0, 0, 0, at(0x140), at(0x160)],
    ['IofCallDriver', held(0x110), held(0x1010)],
    ['KeReadStateEvent', at(0x140)],
  ])
  expect(calls.result(2)).not.toBe(0n)
  expect(calls.result(3)).toBe(0xc0000010n)
  expect(calls.u32(0x160)).toBe(0xc0000010)
  expect(calls.result(4)).toBe(1n)
})

it('dump mode has no device objects', () => {
  const calls = machineWith({
    findAdapter: [['StorPortExtendedFunction', 8, extension, at(0x100), at(0x108), at(0x110)]],
  }).crash()
  expect(calls.result(0)).toBe(0xc1000002n)
})

it.each<[string, string, readonly (number | bigint)[], number, readonly [number, number][]]>([
  [
    '12 0x1f -3',
    '%d %x %i',
    [0, 4, 8],
    3,
    [
      [0, 12],
      [4, 0x1f],
      [8, 0xfffffffd],
    ],
  ],
  [
    'port7:abc',
    'port%u:%s',
    [0, 4, 8],
    2,
    [
      [0, 7],
      [4, 0x636261],
    ],
  ],
  [
    'a,b',
    '%[a-c],%c',
    [0, 4, 8, 1],
    2,
    [
      [0, 0x61],
      [8, 0x62],
    ],
  ],
  ['x', '%d', [0], 0, []],
  ['', '%d', [0], -1, []],
  ['toolong', '%s', [0, 4], 0, [[0, 0]]],
])('sscanf_s of %j by %j', (text, format, args, count, found) => {
  const slots = args.map((arg, index) => (isSize(format, index) ? arg : at(0x300 + Number(arg))))
  const calls = running([['sscanf_s', at(0x100), at(0x200), ...slots]], {
    256: ascii(text),
    512: ascii(format),
  })
  expect(Number(BigInt.asIntN(32, calls.result(0)))).toBe(count)
  for (const [offset, value] of found)
    expect(calls.u32(0x300 + offset) & (value > 0xffff ? 0xffffffff : value > 0xff ? 0xffff : 0xff)).toBe(
      value | 0,
    )
})

/** Of the arguments of a format: a text is followed by its size. */
function isSize(format: string, index: number): boolean {
  const kinds = [...format.matchAll(/%(\[[^\]]*\]|[a-z])/g)].flatMap(([, kind]) =>
    /^[[cs]/.test(kind!) ? ['to', 'size'] : ['to'],
  )
  return kinds[index] === 'size'
}

// What guest arguments become, export by export: the driver's routines are the test's own and use guest memory by address.
import { type Gva, gpa, gva } from '@dumpstack/bytes'
import { buildPe } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { type TestMachine, testMachine } from '../fake-kernel.test-support.ts'
import { startRuntimeStack } from '../runtime/start-runtime-stack.ts'
import { openSysFile } from './driver-file.ts'
import { EXPORTS } from './exports/index.ts'
import { FakeCpu } from './fake-cpu.test-support.ts'
import { hostSysFile, type SysHost } from './sys-host.ts'

const NAMES = [...EXPORTS.keys(), 'KeTickCount', 'PsTerminateSystemThread']
const ENTRY_RVA = 0x1000
const ROUTINES_AT = 0x7000_0000n
const FIND_ADAPTER = gva(ROUTINES_AT + 0x100n)
const NOT_FOUND = 0n

/** What guest code sees. */
interface Guest {
  readonly test: TestMachine
  readonly cpu: FakeCpu
  readonly host: SysHost
  /** A page of guest memory for arguments. */
  readonly page: bigint
  readonly extension: bigint
  readonly config: bigint
  call(name: string, ...args: readonly (bigint | number)[]): bigint
  u32(va: bigint): number
  u64(va: bigint): bigint
  put(va: bigint, bytes: Uint8Array): void
  get(va: bigint, length: number): Uint8Array
}

const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`)

function driverFile(): Uint8Array {
  const bytes = buildPe({
    sections: [{ name: '.text', bytes: Uint8Array.of(0xc3) }],
    entryPoint: ENTRY_RVA,
    relocations: [],
    imports: { 'storport.sys': NAMES },
  })
  bytes[0x80 + 24 + 68] = 1 // IMAGE_SUBSYSTEM_NATIVE
  return bytes
}

/** Starts a driver whose HwFindAdapter is `body`, and whose table is changed by `table`; the error that ends it, if any. */
function run(
  body: (guest: Guest) => void,
  table: (view: DataView) => void = () => {},
): { status: bigint; error: unknown } {
  const test = testMachine()
  const { machine, kernel, controller } = test
  const cpu = new FakeCpu(machine, kernel)
  const file = openSysFile('fake.sys', driverFile())
  const host = hostSysFile({ machine, kernel, cpu, file })
  const image = host.kernel.loadImage('fake.sys', 'fake.sys')
  const slots = new Map(file.image.imports[0]!.names.map(({ name, iatRva }) => [name, iatRva]))
  const { va: page } = kernel.allocate(0x1000, { owner: 1 })
  const get = (va: bigint, length: number): Uint8Array => {
    const bytes = new Uint8Array(length)
    expect(cpu.read(gva(va), bytes)).toBe(length)
    return bytes
  }
  const u64 = (va: bigint): bigint => new DataView(get(va, 8).buffer).getBigUint64(0, true)
  const common = {
    test,
    cpu,
    host,
    page,
    get,
    u64,
    u32: (va: bigint) => Number(u64(va) & 0xffffffffn),
    put: (va: bigint, bytes: Uint8Array) => void cpu.write(gva(va), bytes),
    call: (name: string, ...args: readonly (bigint | number)[]) =>
      cpu.import(u64(image.base + BigInt(slots.get(name)!)), ...args),
  }
  let status = 0n
  cpu.guest.set(gva(image.base + BigInt(ENTRY_RVA)), () => {
    const view = new DataView(new ArrayBuffer(0xd0))
    view.setUint32(0x00, 0xd0, true)
    view.setUint32(0x04, 5, true)
    for (const at of [0x08, 0x10, 0x18, 0x28]) view.setBigUint64(at, ROUTINES_AT, true)
    view.setBigUint64(0x20, FIND_ADAPTER, true)
    view.setUint32(0x40, 0x40, true)
    view.setUint32(0x44, 0x20, true)
    view.setUint32(0x4c, 6, true)
    table(view)
    common.put(page, new Uint8Array(view.buffer))
    status = common.call('StorPortInitialize', 1n, 2n, page, 0x1234n)
    return status
  })
  cpu.guest.set(FIND_ADAPTER, (extension, context, _bus, argument, config, again) => {
    expect(context).toBe(0x1234n)
    expect(get(argument!, 1)[0]).toBe(0)
    expect(get(again!, 1)[0]).toBe(0)
    body({ ...common, extension: extension!, config: config! })
    return NOT_FOUND
  })
  try {
    startRuntimeStack({ machine, kernel: host.kernel, controller, miniport: host.miniport })
  } catch (error) {
    return { status, error }
  }
  throw new Error('a driver that finds no adapter started')
}

/** Fails where the body did not run to its end. */
function find(body: (guest: Guest) => void): void {
  const { error } = run(body)
  expect(error).toMatchObject({
    code: 'ADAPTER_NOT_FOUND',
    message: expect.stringContaining('HwFindAdapter found no adapter'),
  })
}

describe('HW_INITIALIZATION_DATA', () => {
  it.each([
    [0xd0, 0x8, 1],
    [0x88, 0, 0],
  ])('is read as far as its declared %i bytes go', (declared, featureSupport, srbType) => {
    let config: DataView = new DataView(new ArrayBuffer(0))
    run(
      (guest) => {
        config = new DataView(guest.get(guest.config, 0xe0).buffer)
      },
      (view) => {
        view.setUint32(0x00, declared, true)
        view.setUint32(0xb8, 0x8, true)
        view.setUint32(0xbc, 2, true)
      },
    )
    expect(config.getUint32(0xdc, true)).toBe(featureSupport)
    expect(config.getUint8(0x62)).toBe(srbType)
  })

  it.each<[string, (view: DataView) => void, bigint]>([
    ['is too small', (view) => view.setUint32(0, 0x80, true), 0xc0000059n],
    ['has no HwStartIo', (view) => view.setBigUint64(0x10, 0n, true), 0xc000000dn],
  ])('is refused where it %s', (_what, table, expected) => {
    const { status, error } = run(() => {
      throw new Error('HwFindAdapter was called')
    }, table)
    expect(status).toBe(expected)
    expect(error).toMatchObject({ code: 'CONTROLLER_FAILED' })
  })
})

describe('the port', () => {
  it('maps the range that holds an address, and no other', () => {
    find(({ call, u64, u32, config, extension }) => {
      const ranges = u64(config + 0x38n)
      const bar = u64(ranges + 5n * 0x10n)
      expect(u32(ranges + 5n * 0x10n + 8n)).toBe(0x1000)
      const base = call('StorPortGetDeviceBase', extension, 5, 0, bar, 0x1000, 0)
      expect(base).not.toBe(0n)
      expect(call('StorPortGetDeviceBase', extension, 5, 0, bar + 0x100n, 0x80, 0)).toBe(base + 0x100n)
      expect(call('StorPortGetDeviceBase', extension, 5, 0, 0x1000n, 0x80, 0)).toBe(0n)
      expect(call('StorPortValidateRange', extension, 5, 0, bar, 0x80, 0)).toBe(1n)
    })
  })

  it('reads and writes configuration space', () => {
    find(({ call, extension, page, u32, put, test }) => {
      expect(call('StorPortGetBusData', extension, 4, 0, 1, page, 0x40)).toBe(0x40n)
      expect(u32(page)).toBe(test.machine.bus.config32(8, 0))
      expect(call('StorPortGetBusData', extension, 3, 0, 1, page, 0x40)).toBe(0n)
      expect(call('StorPortGetBusData', extension, 4, 0, 1, page, 0x1000)).toBe(0x100n)
      put(page, Uint8Array.of(0x99))
      expect(call('StorPortSetBusDataByOffset', extension, 4, 0, 1, page, 0x3c, 1)).toBe(1n)
      expect(test.machine.bus.config32(8, 0x3c) & 0xff).toBe(0x99)
      expect(call('StorPortSetBusDataByOffset', extension, 4, 0, 1, page, 0x1001, 4)).toBe(0n)
    })
  })

  it('gives an uncached extension once, translates it both ways', () => {
    find(({ call, extension, config, page, u32 }) => {
      const block = call('StorPortGetUncachedExtension', extension, config, 0x2000)
      expect(call('StorPortGetUncachedExtension', extension, config, 0x2000)).toBe(block)
      const physical = call('StorPortGetPhysicalAddress', extension, 0, block + 0x10n, page)
      expect(u32(page)).toBe(0x2000 - 0x10)
      expect(call('StorPortGetVirtualAddress', extension, physical)).toBe(block + 0x10n)
      expect(call('StorPortGetVirtualAddress', extension, 0x10n)).toBe(0n)
      expect(call('MmGetPhysicalAddress', block + 0x10n)).toBe(physical)
    })
  })

  it('gives the logical unit its extension, and others none', () => {
    find(({ call, extension }) => {
      const unit = call('StorPortGetLogicalUnit', extension, 0, 0, 0)
      expect(unit).not.toBe(0n)
      expect(call('StorPortGetLogicalUnit', extension, 0, 0, 0)).toBe(unit)
      expect(call('StorPortGetLogicalUnit', extension, 0, 1, 0)).toBe(0n)
    })
  })

  it('keeps registry values that the driver wrote', () => {
    find(({ call, extension, page, put, get, u32 }) => {
      const [name, value, length] = [page, page + 0x100n, page + 0x200n]
      put(name, text('Depth'))
      put(value, Uint8Array.of(7, 8, 9, 10))
      put(length, Uint8Array.of(4, 0, 0, 0))
      const buffer = call('StorPortAllocateRegistryBuffer', extension, length)
      expect(call('StorPortRegistryRead', extension, name, 1, 4, buffer, length)).toBe(0n)
      expect(call('StorPortRegistryWrite', extension, name, 1, 4, value, 4)).toBe(1n)
      put(length, Uint8Array.of(4, 0, 0, 0))
      expect(call('StorPortRegistryRead', extension, name, 1, 4, buffer, length)).toBe(1n)
      expect([...get(buffer, 4)]).toEqual([7, 8, 9, 10])
      put(length, Uint8Array.of(2, 0, 0, 0))
      expect(call('StorPortRegistryRead', extension, name, 1, 4, buffer, length)).toBe(0n)
      expect(u32(length)).toBe(4)
    })
  })

  it('raises the level while a lock is held, and masks interrupts with the interrupt lock', () => {
    find(({ call, extension, page, cpu, test, u32 }) => {
      call('StorPortNotification', 0x1003, extension, 3, 0, page)
      expect([cpu.cr8, test.machine.interruptsEnabled, u32(page)]).toEqual([5, false, 3])
      call('StorPortNotification', 0x1003, extension, 2, 0, page + 0x40n)
      expect(cpu.cr8).toBe(5)
      call('StorPortNotification', 0x1004, extension, page + 0x40n)
      call('StorPortNotification', 0x1004, extension, page)
      expect([cpu.cr8, test.machine.interruptsEnabled]).toEqual([0, true])
    })
  })

  it('calls a synchronised routine with its context', () => {
    find(({ call, extension, cpu }) => {
      const routine: Gva = gva(ROUTINES_AT + 0x200n)
      const seen: bigint[] = []
      cpu.guest.set(routine, (...args) => {
        seen.push(...args, BigInt(cpu.cr8))
        return 1n
      })
      expect(call('StorPortSynchronizeAccess', extension, routine, 0x77n)).toBe(1n)
      expect(seen).toEqual([extension, 0x77n, 5n])
    })
  })

  it('allocates pool, DMA memory and timers by extended functions', () => {
    find(({ call, extension, page, u64 }) => {
      const extended = (code: number, ...args: readonly (bigint | number)[]): bigint =>
        call('StorPortExtendedFunction', code, extension, ...args)
      expect(extended(0, 0x100, 0x41414141, page)).toBe(0n)
      expect(u64(page)).not.toBe(0n)
      expect(extended(1, u64(page))).toBe(0n)
      expect(extended(82, 0x3000, 0, -1n, 0, 0, 0, page, page + 8n)).toBe(0n)
      expect(u64(page) % 0x1000n).toBe(0n)
      expect(call('StorPortGetPhysicalAddress', extension, 0, u64(page), 0)).toBe(u64(page + 8n))
      expect(call('StorPortAllocateDmaMemory', extension, 0x1000, 0, -1n, 0, 0, 0, page, page + 8n)).toBe(0n)
      expect(extended(0, 0x8000_0000, 0, page)).toBe(0xc1000003n)
      expect(u64(page)).toBe(0n)
      expect(extended(32, page)).toBe(0n)
      const timer = u64(page)
      expect(extended(33, timer, ROUTINES_AT, 0, 1000, 0)).toBe(0n)
      expect(extended(33, timer, ROUTINES_AT, 0, 1000, 0)).toBe(0xc100000cn)
      expect(extended(33, timer, ROUTINES_AT, 0, 0, 0)).toBe(0n)
      expect(extended(33, timer, ROUTINES_AT, 0, 1000, 0)).toBe(0n)
      expect(extended(34, timer)).toBe(0n)
      expect(extended(33, timer, ROUTINES_AT, 0, 1000, 0)).toBe(0xc1000006n)
      expect(extended(46, 0)).toBe(0xc1000002n)
      expect(extended(47, page, page + 8n)).toBe(0n)
      expect(u64(page)).toBe(10_000_000n)
    })
  })

  it('lets time pass in a stall, and reads registers by the older names', () => {
    find(({ call, extension, config, u64, test }) => {
      const before = test.machine.nowNs
      call('StorPortStallExecution', 5)
      call('KeStallExecutionProcessor', 5)
      expect(test.machine.nowNs - before).toBe(10_000)
      expect(call('StorPortReadPortUlong', extension, 0xffff)).toBe(0xffffffffn)
      expect(call('StorPortWritePortUlong', extension, 0xfffe, 1)).toBe(0n)
      const bar = u64(u64(config + 0x38n) + 5n * 0x10n)
      expect(test.machine.bus.read32(gpa(Number(bar)))).not.toBe(0xffffffff)
    })
  })
})

describe('the kernel', () => {
  it('moves, fills and compares memory, whatever overlaps', () => {
    find(({ call, page, put, get }) => {
      put(
        page,
        Uint8Array.from({ length: 64 }, (_, i) => i),
      )
      expect(call('memmove', page + 8n, page, 32)).toBe(page + 8n)
      expect([...get(page + 8n, 3), get(page + 39n, 1)[0]]).toEqual([0, 1, 2, 31])
      expect(call('memset', page, 0x1aa, 4)).toBe(page)
      expect([...get(page, 5)]).toEqual([0xaa, 0xaa, 0xaa, 0xaa, 4])
      call('RtlFillMemory', page, 2, 0x55)
      call('RtlZeroMemory', page + 1n, 1)
      expect([...get(page, 3)]).toEqual([0x55, 0, 0xaa])
      put(page, Uint8Array.of(1, 2, 3))
      put(page + 0x40n, Uint8Array.of(1, 2, 4))
      expect(call('memcmp', page, page + 0x40n, 2)).toBe(0n)
      expect(BigInt.asIntN(32, call('memcmp', page, page + 0x40n, 3))).toBe(-1n)
      expect(call('RtlCompareMemory', page, page + 0x40n, 3)).toBe(2n)
    })
  })

  it('compares strings as far as it is told', () => {
    find(({ call, page, put }) => {
      put(page, text('dump=1;ntldr'))
      put(page + 0x80n, text('DUMP=1'))
      expect(call('strlen', page)).toBe(12n)
      expect(call('strncmp', page, page + 0x80n, 6)).not.toBe(0n)
      expect(call('_strnicmp', page, page + 0x80n, 6)).toBe(0n)
      expect(call('_stricmp', page, page + 0x80n)).not.toBe(0n)
      put(page + 0x80n, text('1;'))
      expect(call('strstr', page, page + 0x80n)).toBe(page + 5n)
    })
  })

  it('prints from registers, the stack and a va_list, as far as there is room', () => {
    find(({ call, page, put, get }) => {
      const buffer = page + 0x200n
      const stored = (length: number): string => new TextDecoder('latin1').decode(get(buffer, length))
      put(page, text('%s: %d of 0x%x, %s'))
      put(page + 0x40n, text('port'))
      expect(call('sprintf', buffer, page, page + 0x40n, -1n, 0xab, page + 0x40n)).toBe(22n)
      expect(stored(23)).toBe('port: -1 of 0xab, port\0')
      put(page + 0x80n, new Uint8Array(BigUint64Array.of(page + 0x40n, 7n, 8n, page + 0x40n).buffer))
      put(buffer, new Uint8Array(32).fill(0x2e))
      expect(call('_vsnprintf', buffer, 6, page, page + 0x80n)).toBe(0xffff_ffff_ffff_ffffn)
      expect(stored(7)).toBe('port: .')
      expect(call('_vsnprintf', buffer, 0x40, page, page + 0x80n)).toBe(20n)
      expect(stored(21)).toBe('port: 7 of 0x8, port\0')
      expect(call('sprintf_s', buffer, 4, page + 0x40n)).toBe(0xffff_ffff_ffff_ffffn)
      expect(stored(1)).toBe('\0')
      expect(call('_snprintf_s', buffer, 4, 0xffff_ffff_ffff_ffffn, page + 0x40n)).toBe(
        0xffff_ffff_ffff_ffffn,
      )
      expect(stored(4)).toBe('por\0')
    })
  })

  it('copies and searches strings, wide ones too, across pages', () => {
    find(({ call, page, put, get, u32 }) => {
      put(page, text('disk0'))
      expect(call('strcpy', page + 0x40n, page)).toBe(page + 0x40n)
      call('strcat', page + 0x40n, page)
      expect(call('strlen', page + 0x40n)).toBe(10n)
      expect(call('strrchr', page + 0x40n, 0x64)).toBe(page + 0x45n)
      expect(call('strchr', page + 0x40n, 0x7a)).toBe(0n)
      put(page + 0x80n, new Uint8Array(9).fill(0xff))
      call('strncpy', page + 0x80n, page, 8)
      expect([...get(page + 0x80n, 9)]).toEqual([...text('disk0'), 0, 0, 0xff])
      expect(call('strcpy_s', page + 0x80n, 5, page)).toBe(34n)
      expect(call('strcpy_s', page + 0x80n, 6, page)).toBe(0n)
      const wide = (value: string): Uint8Array =>
        new Uint8Array(Uint16Array.from(`${value}\0`, (c) => c.charCodeAt(0)).buffer)
      put(page + 0x101n, wide('Port'))
      put(page + 0x140n, wide('PORT'))
      expect(call('wcslen', page + 0x101n)).toBe(4n)
      expect(call('wcscmp', page + 0x101n, page + 0x140n)).toBe(1n)
      expect(call('_wcsicmp', page + 0x101n, page + 0x140n)).toBe(0n)
      put(page, text(' 0x1fz'))
      expect([
        call('strtoul', page, page + 0x200n, 0),
        u32(page + 0x200n) - Number(page & 0xffffffffn),
      ]).toEqual([0x1fn, 5])
      put(page, text('-12x'))
      expect(call('atoi', page)).toBe(0xffff_fff4n)
      // the last character lies on the last byte of the page, and nothing after it
      put(page + 0xffen, Uint8Array.of(0x61, 0))
      expect(call('strlen', page + 0xffen)).toBe(1n)
    })
  })

  it('names a frame that the stack has no room for', () => {
    const { error } = run(({ call, cpu }) => {
      cpu.writeGpr(0, 0x3000n)
      expect(call('__chkstk')).toBe(0x3000n)
      cpu.writeGpr(0, 0x10000n)
      call('__chkstk')
    })
    expect(error).toMatchObject({
      code: 'GUEST_FAULT',
      message: expect.stringMatching(/ran over the end of its stack with a frame of 0x10000 bytes/),
    })
  })

  it('faults like the export itself on memory that is not there', () => {
    const { error } = run(({ call }) => {
      call('memset', 0x1000n, 0, 8)
    })
    expect(error).toMatchObject({ code: 'GUEST_FAULT', address: 0x1000n, access: 'write' })
  })

  it('raises and lowers levels, counts processors, makes strings', () => {
    find(({ call, page, put, cpu, u32, u64 }) => {
      expect(call('KfRaiseIrql', 2)).toBe(0n)
      expect([call('KeGetCurrentIrql'), cpu.cr8]).toEqual([2n, 2])
      call('KeLowerIrql', 0)
      expect(cpu.cr8).toBe(0)
      expect(call('KeQueryActiveProcessorCountEx', 0xffff)).toBe(1n)
      put(
        page + 0x40n,
        Uint8Array.from('a\0b\0c\0\0\0', (c) => c.charCodeAt(0)),
      )
      call('RtlInitUnicodeString', page, page + 0x40n)
      expect([u32(page), u64(page + 8n)]).toEqual([(8 << 16) | 6, page + 0x40n])
      put(page + 0x100n, new Uint8Array(0x30)) // OBJECT_ATTRIBUTES without a name
      expect(call('ZwOpenKey', page, 0, page + 0x100n)).toBe(0xc0000034n)
      expect(call('MmIsAddressValid', page)).toBe(1n)
      expect(call('RtlGetVersion', page)).toBe(0n)
      expect([u32(page + 4n), u32(page + 8n), u32(page + 12n)]).toEqual([10, 0, 19041])
      expect(call('PsGetVersion', page + 0x20n, 0, page + 0x24n, 0)).toBe(1n)
      expect([u32(page + 0x20n), u32(page + 0x24n)]).toEqual([10, 19041])
      cpu.writeGpr(0, 0x5000n)
      expect(call('__chkstk')).toBe(0x5000n)
      expect(call('KeGetProcessorNumberFromIndex', 0, page)).toBe(0n)
      expect(call('KeGetProcessorNumberFromIndex', 1, page)).toBe(0xc000000dn)
      expect(call('MmIsAddressValid', 0n)).toBe(0n)
    })
  })

  it('ends a bugcheck of the driver with its code', () => {
    const { error } = run(({ call }) => {
      call('KeBugCheckEx', 0xf4, 1, 2, 3, 4)
    })
    expect(error).toMatchObject({
      code: 'GUEST_FAULT',
      bugcheck: { code: 0xf4, parameters: [1n, 2n, 3n, 4n] },
    })
  })

  // covers: STACK-10
  it('stops at what it does not have, with caller and arguments', () => {
    const { error } = run(({ call }) => {
      call('PsTerminateSystemThread', 0x55)
    })
    expect(error).toMatchObject({
      code: 'UNKNOWN_IMPORT',
      message: expect.stringMatching(
        /storport.sys!PsTerminateSystemThread\(0x55, 0x0, .*\), which is not modelled$/,
      ),
    })
  })
})

describe('what a driver may have at once', () => {
  it('takes pool back, and has no more than a share of RAM', () => {
    find(({ call }) => {
      const first = call('ExAllocatePoolWithTag', 0x200, 0x2000, 0)
      call('ExFreePoolWithTag', first, 0)
      expect(call('ExAllocatePoolWithTag', 0x200, 0x2000, 0)).toBe(first)
      let taken = 0
      while (call('ExAllocatePoolWithTag', 0x200, 0x8000, 0) !== 0n) taken++
      expect(taken).toBeGreaterThan(0)
      expect(call('ExAllocatePoolWithTag', 0x200, 0x10, 0)).not.toBe(0n)
    })
  })

  it('ends a driver with more DPCs than are modelled, which is no fault of the driver', () => {
    const { error } = run(({ call, extension }) => {
      for (let dpc = 0x1000n; ; dpc += 0x48n) call('StorPortNotification', 0x1001, extension, dpc, 0x2000n)
    })
    expect(error).toMatchObject({
      code: 'TOO_MANY_OBJECTS',
      message: expect.stringContaining('has 4096 DPCs at once'),
    })
  })

  it('does not queue a DPC that was never initialised', () => {
    find(({ call, extension, page, get, put }) => {
      put(page, Uint8Array.of(1))
      call('StorPortNotification', 0x1002, extension, 0x5000n, 0n, 0n, page)
      expect(get(page, 1)[0]).toBe(0)
    })
  })
})

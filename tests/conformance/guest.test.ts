// The guest images as a set: built from their sources, bound to each other, laid out like build 19041.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { gva } from '@dumpstack/bytes'
import { mapPe, type PeImage, parsePe } from '@dumpstack/image'
import { describe, expect, it } from 'vitest'
import { findReturnRva } from './call-site.ts'
import { GUEST_BIN, guestImages, hasTool, ROOT, sharedData, toolOutput } from './tools.ts'

const PDBUTIL = 'llvm-pdbutil-16'
const images = new Map(guestImages().map((name) => [name, parsePe(readFileSync(path.join(GUEST_BIN, name)))]))
const image = (name: string): PeImage => images.get(name)!
const kernel = image('ntkrnlmp.exe')
const rva = (of: PeImage, name: string): number => {
  const found = of.exports.get(name)
  if (found === undefined) throw new Error(`no export ${name}`)
  return found
}

it.skipIf(!hasTool('clang-16') || !hasTool('lld-link-16'))(
  'what is committed is what the sources give, from any folder (needs clang-16 and lld-16)',
  () => {
    const run = spawnSync('bash', [path.join(ROOT, 'guest', 'build.sh'), '--check'], {
      encoding: 'utf8',
      cwd: '/',
    })
    expect(run.stderr + run.stdout).toContain('guest/bin is what guest/build.sh builds')
    expect(run.status).toBe(0)
  },
)

it('the manifest lists every image once', () => {
  const manifest = JSON.parse(readFileSync(path.join(GUEST_BIN, 'manifest.json'), 'utf8'))
  expect(manifest.images.map((entry: { file: string }) => entry.file).sort()).toEqual(
    [...images.keys()].sort(),
  )
  for (const entry of manifest.images) {
    expect(entry).toEqual({
      file: expect.any(String),
      nameOnDisk: expect.stringMatching(/^[a-z]+\.(exe|dll|sys)$/),
      synthetic: expect.any(Boolean),
      purpose: expect.any(String),
    })
  }
})

it('every import is an export of another image, and every forwarder leads to one', () => {
  const byDiskName = new Map(
    [...images].map(([name, pe]) => [name === 'ntkrnlmp.exe' ? 'ntoskrnl.exe' : name, pe]),
  )
  let bound = 0
  for (const [name, pe] of images) {
    for (const { dll, names } of pe.imports) {
      for (const entry of names) {
        expect(byDiskName.get(dll)?.exports.has(entry.name), `${name} imports ${dll}!${entry.name}`).toBe(
          true,
        )
        bound++
      }
    }
    for (const target of pe.forwarders.values()) {
      const [dll, symbol] = target.split('.') as [string, string] // forwarders have exactly one dot here
      expect(byDiskName.get(`${dll}.exe`)?.exports.has(symbol), `${name} forwards to ${target}`).toBe(true)
    }
  }
  expect(bound).toBeGreaterThan(40)
  // The dump port takes the place of the runtime port: a Storport miniport must bind to it unchanged.
  const port = image('diskdump.sys')
  for (const { dll, names } of image('storahci.sys').imports) {
    if (dll !== 'storport.sys') continue
    for (const entry of names) expect(port.exports.has(entry.name), entry.name).toBe(true)
  }
})

describe('call chains: each frame has a return address in its caller', () => {
  const guard = '__guard_dispatch_icall_fptr'
  const chains: [caller: string, callee: string, through?: string][] = [
    ['KiSystemServiceCopyEnd', 'NtDeviceIoControlFile', guard],
    ['NtDeviceIoControlFile', 'IopXxxControlFile'],
    ['IopXxxControlFile', 'IopSynchronousServiceTail'],
    ['IopSynchronousServiceTail', 'IofCallDriver'],
    ['IofCallDriver', 'a driver', guard],
    ['KeBugCheckEx', 'KeBugCheck2'],
    ['KeBugCheckEx', 'RtlCaptureContext'],
    ['KeBugCheck2', 'KiSendFreeze'],
    ['KeBugCheck2', 'IoWriteCrashDump'],
    ['KeBugCheck2', 'HalReturnToFirmware'],
    ['IoWriteCrashDump', 'CrashdmpWrite', guard],
    ['KiSystemStartup', 'KiInitializeKernel'],
    ['KiIdleLoop', 'PoIdle'],
    ['PoIdle', 'PpmIdleExecuteTransition'],
    ['PpmIdleExecuteTransition', 'PpmIdleDefaultExecute'],
    ['PpmIdleDefaultExecute', 'HalProcessorIdle'],
    ['KiIpiInterrupt', 'KiIpiProcessRequests'],
    ['KiIpiProcessRequests', 'KiFreezeTargetExecution'],
    ['KiStartSystemThread', 'PspSystemThreadStartup'],
    ['PspSystemThreadStartup', 'ExpWorkerThread', guard],
    ['ExpWorkerThread', 'KeWaitForSingleObject'],
    ['KeWaitForSingleObject', 'KiSwapThread'],
    ['KiSwapThread', 'KiSwapContext'],
    ['KiSwapContext', 'SwapContext'],
  ]
  it.each(chains)('%s calls %s', (caller, callee, through) => {
    const at = rva(kernel, caller)
    const back = findReturnRva(kernel, at, rva(kernel, through ?? callee))
    expect(back).not.toBeNull()
    expect(kernel.findFunction(back! - 1)).toEqual(kernel.findFunction(at))
  })

  it('crashtst goes from its dispatch routine to KeBugCheckEx', () => {
    const driver = image('crashtst.sys')
    const trigger = rva(driver, 'CrashTestTriggerBugcheck')
    const bugcheck = driver.imports.flatMap(({ names }) => names).find(({ name }) => name === 'KeBugCheckEx')!
    expect(findReturnRva(driver, rva(driver, 'CrashTestDeviceControl'), trigger)).not.toBeNull()
    expect(findReturnRva(driver, trigger, bugcheck.iatRva)).not.toBeNull()
  })

  it('the broker goes from CrashdmpWrite to CrashdmpInitDumpStack', () => {
    const broker = image('crashdmp.sys')
    expect(
      findReturnRva(broker, rva(broker, 'CrashdmpWrite'), rva(broker, 'CrashdmpInitDumpStack')),
    ).not.toBeNull()
  })
})

describe('KdDebuggerDataBlock', () => {
  const base = 0xfffff80212340000n
  const memory = new DataView(mapPe(kernel, gva(base)).buffer)
  const at = rva(kernel, 'KdDebuggerDataBlock')

  // Readings of a real minidump of build 19041.
  const values: [field: string, offset: number, width: 2 | 4, value: number][] = [
    ['OwnerTag', 0x10, 4, 0x4742444b],
    ['Size', 0x14, 4, 0x380],
    ['PaeEnabled and following bits', 0x36, 2, 1],
    ['MmPageSize', 0x138, 4, 0x1000],
    ['OffsetKThreadTeb', 0x29a, 2, 0xf0],
    ['OffsetKThreadKernelStack', 0x29c, 2, 0x58],
    ['OffsetKThreadInitialStack', 0x29e, 2, 0x28],
    ['OffsetKThreadApcProcess', 0x2a0, 2, 0xb8],
    ['OffsetKThreadState', 0x2a2, 2, 0x184],
    ['SizeEProcess', 0x2a8, 2, 0xa40],
    ['OffsetEprocessPeb', 0x2aa, 2, 0x550],
    ['OffsetEprocessParentCID', 0x2ac, 2, 0x540],
    ['OffsetEprocessDirectoryTableBase', 0x2ae, 2, 0x28],
    ['SizePrcb', 0x2b0, 2, 0xaf00],
    ['OffsetPrcbCurrentThread', 0x2b4, 2, 8],
    ['OffsetPrcbMhz', 0x2b6, 2, 0x44],
    ['OffsetPrcbVendorString', 0x2ba, 2, 0x8590],
    ['OffsetPrcbProcStateContext', 0x2bc, 2, 0x1f0],
    ['OffsetPrcbNumber', 0x2be, 2, 0x24],
    ['SizeEThread', 0x2c0, 2, 0x898],
    ['SizePcr', 0x2e0, 2, 0xb080],
    ['OffsetPcrCurrentPrcb', 0x2e4, 2, 0x20],
    ['OffsetPcrContainedPrcb', 0x2e6, 2, 0x180],
    ['OffsetPrcbProcStateSpecialReg', 0x2f2, 2, 0x100],
    ['GdtR0Code', 0x2f4, 2, 0x10],
    ['GdtR0Data', 0x2f6, 2, 0x18],
    ['GdtR3Code', 0x2fa, 2, 0x33],
    ['GdtR3Data', 0x2fc, 2, 0x2b],
    ['GdtTss', 0x302, 2, 0x40],
    ['Gdt64R3CmCode', 0x304, 2, 0x23],
    ['Gdt64R3CmTeb', 0x306, 2, 0x53],
    ['OffsetPrcbContext', 0x338, 2, 0x85c0],
    ['OffsetKThreadStackLimit', 0x340, 4, 0x30],
    ['OffsetKThreadStackBase', 0x344, 4, 0x38],
    ['OffsetEThreadIrpList', 0x34c, 4, 0x4b0],
    ['OffsetPrcbIsrStack', 0x356, 2, 0x85d8],
    ['OffsetKThreadWaitReason', 0x35c, 2, 0x283],
    ['OffsetEProcessMmHotPatchContext', 0x37c, 2, 0],
  ]
  it.each(values)('%s is that of build 19041', (_, offset, width, value) => {
    expect(width === 2 ? memory.getUint16(at + offset, true) : memory.getUint32(at + offset, true)).toBe(
      value,
    )
  })

  const addresses: [field: string, offset: number][] = [
    ['PsLoadedModuleList', 0x48],
    ['PsActiveProcessHead', 0x50],
    ['KiBugCheckData', 0x88],
    ['MmPfnDatabase', 0xc0],
    ['NtBuildLabEx', 0x208],
    ['KiProcessorBlock', 0x218],
    ['MmUnloadedDrivers', 0x220],
    ['MmLastUnloadedDriver', 0x228],
    ['MmPhysicalMemoryBlock', 0x270],
  ]
  it.each(addresses)('%s is the address of the variable, wherever the kernel is loaded', (name, offset) => {
    expect(memory.getBigUint64(at + offset, true)).toBe(base + BigInt(rva(kernel, name)))
  })

  const dump = sharedData('dumps/triage_x64_19041.dmp')
  it.skipIf(dump === null)(
    'agrees with the block of a real kernel of build 19041 (needs shared/data/dumps/triage_x64_19041.dmp)',
    () => {
      // TRIAGE_DUMP64 at 0x2000: DebuggerDataOffset 0x70, DebuggerDataSize 0x74.
      const file = readFileSync(dump!)
      const real = new DataView(
        file.buffer,
        file.byteOffset + file.readUInt32LE(0x2070),
        file.readUInt32LE(0x2074),
      )
      // Offsets, sizes and selectors: everything between the pointers.
      const numbers = [
        [0x10, 0x18],
        [0x36, 0x38],
        [0x138, 0x140],
        [0x298, 0x2c8],
        [0x2e0, 0x308],
        [0x338, 0x360],
        [0x37c, 0x380],
      ] as const
      for (const [from, to] of numbers) {
        for (let offset = from; offset < to; offset += 2) {
          expect([offset, memory.getUint16(at + offset, true)]).toEqual([
            offset,
            real.getUint16(offset, true),
          ])
        }
      }
      // Pointers: none where the real kernel has none.
      for (let offset = 0x18; offset < 0x338; offset += 8) {
        if (real.getBigUint64(offset, true) === 0n) {
          expect([offset, memory.getBigUint64(at + offset, true)]).toEqual([offset, 0n])
        }
      }
    },
  )

  it('names the kernel base and hangs in its list', () => {
    const head = BigInt(rva(kernel, 'KdpDebuggerDataListHead'))
    expect(memory.getBigUint64(at + 0x18, true)).toBe(base)
    expect(memory.getBigUint64(at, true)).toBe(base + head)
    expect(memory.getBigUint64(Number(head), true)).toBe(base + BigInt(at))
  })
})

describe.skipIf(!hasTool(PDBUTIL))(`ntkrnlmp.pdb as ${PDBUTIL} reads it (needs llvm-16)`, () => {
  const pdb = path.join(GUEST_BIN, 'ntkrnlmp.pdb')

  it('has the types of build 19041 in their sizes', () => {
    const types = toolOutput(PDBUTIL, ['dump', '--types', pdb])
    const sizes = new Map(
      [
        ...types.matchAll(/LF_(?:STRUCTURE|UNION) .* `(.*)`\n(?:.*\n)?.*options: ([^f].*)?, sizeof (\d+)/g),
      ].map((m) => [m[1], Number(m[3])]),
    )
    const expected: Record<string, number> = {
      _LIST_ENTRY: 0x10,
      _UNICODE_STRING: 0x10,
      _KLDR_DATA_TABLE_ENTRY: 0xa0,
      _KPROCESS: 0x438,
      _EPROCESS: 0xa40,
      _KTHREAD: 0x430,
      _ETHREAD: 0x898,
      _KPRCB: 0xaf00,
      _KPCR: 0xb080,
      _CONTEXT: 0x4d0,
      _EXCEPTION_RECORD: 0x98,
      _KSPECIAL_REGISTERS: 0xf0,
      _KPROCESSOR_STATE: 0x5c0,
      _KTRAP_FRAME: 0x190,
      _PHYSICAL_MEMORY_DESCRIPTOR: 0x20,
      _UNLOADED_DRIVERS: 0x28,
      _DRIVER_OBJECT: 0x150,
      _DEVICE_OBJECT: 0x150,
      _IRP: 0xd0,
      _MDL: 0x30,
      _KDDEBUGGER_DATA64: 0x380,
      _DBGKD_GET_VERSION64: 0x28,
      _DUMP_STACK_CONTEXT: 0x178,
      _PEB_LDR_DATA: 0x58,
    }
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, sizes.get(name)]))).toEqual(expected)
  })

  it('has every export as a public symbol at the same place', () => {
    const output = toolOutput(PDBUTIL, ['dump', '--publics', pdb])
    const publics = new Map(
      [...output.matchAll(/S_PUB32 .* `(.*)`\n.*addr = (\d+):(\d+)/g)].map((m) => [
        m[1],
        kernel.sections[Number(m[2]) - 1]!.rva + Number(m[3]),
      ]),
    )
    for (const [name, at] of kernel.exports) expect([name, publics.get(name)]).toEqual([name, at])
  })

  it('belongs to the image', () => {
    const summary = toolOutput(PDBUTIL, ['dump', '--summary', pdb])
    expect(/GUID: \{(.*)\}/.exec(summary)?.[1]?.replaceAll('-', '')).toBe(kernel.rsds?.guid)
    expect(Number(/Age: (\d+)/.exec(summary)?.[1])).toBe(kernel.rsds?.age)
  })
})

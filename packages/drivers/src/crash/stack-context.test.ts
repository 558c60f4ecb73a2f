// The DUMP_STACK_CONTEXT as another reader finds it: offsets written here a second time.
import { gpa, gva } from '@dumpstack/bytes'
import { win10_19041 } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import { testMachine } from '../fake-kernel.test-support.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { startRuntimeStack } from '../runtime/start-runtime-stack.ts'
import { EXTENTS, PARTITION_OFFSET } from './crash.test-support.ts'
import { loadCrashDumpStack } from './load-crash-dump-stack.ts'

const GUID = Uint8Array.from({ length: 16 }, (_, i) => 0xd0 + i)

/** Found by the length of its first part and a dump file's usage: the context, and its copy for the integrity gate. */
function contextOf(hasGpt: boolean, logicalSectorBytes: 512 | 4096) {
  const test = testMachine({ logicalSectorBytes })
  const { machine, kernel, image } = test
  const header = new Uint8Array(logicalSectorBytes)
  header.set(new TextEncoder().encode(hasGpt ? 'EFI PART' : 'EFI NART'))
  header.set(GUID, 56)
  image.write(logicalSectorBytes, [header])
  const runtime = startRuntimeStack({ ...test, miniport: storahci })
  const stack = loadCrashDumpStack({ ...test, profile: win10_19041, runtime, miniport: storahci })
  stack.setPageFile(EXTENTS, PARTITION_OFFSET)
  const found: DataView[] = []
  for (let page = 0x200; page < kernel.nextPage; page++) {
    const address = gpa(page * 4096)
    if (machine.ram.u32(address) === 0x108 && machine.ram.u32(gpa(address + 0x170)) === 3) {
      found.push(machine.ram.view(address, 0x178))
    }
  }
  expect(found).toHaveLength(2)
  return { context: found[0]!, kernel, machine, runtime }
}

it.each([512, 4096] as const)(
  'names disk, partition and stall routine, with sectors of %i bytes',
  (sectorBytes) => {
    const { context, kernel, machine, runtime } = contextOf(true, sectorBytes)
    const kernelImage = kernel.loaded.find((image) => image.baseName === 'ntoskrnl.exe')!
    expect(context.getBigUint64(0x30, true)).toBe(kernelImage.exportAddress('KeStallExecutionProcessor'))
    expect(context.getUint32(0x88, true)).toBe(1)
    expect(new Uint8Array(context.buffer, context.byteOffset + 0x8c, 16)).toEqual(GUID)
    expect(context.getBigUint64(0x108, true)).toBe(BigInt(PARTITION_OFFSET))
    expect(context.getBigUint64(0x110, true)).toBe(runtime.dumpPointers().va)
    const pointers = machine.ram.view(runtime.dumpPointers().gpa, 0x68)
    expect(context.getBigUint64(0x50, true)).not.toBe(0n)
    expect(context.getBigUint64(0x50, true)).toBe(pointers.getBigUint64(0x40, true))
    expect(context.getBigUint64(0x58, true)).toBe(pointers.getBigUint64(0x48, true))
    expect(context.getUint32(0x6c, true)).toBe(0x10000)
    const prefix = machine.ram.view(kernel.vaToGpa(gva(context.getBigUint64(0x120, true)))!, 12)
    expect(String.fromCharCode(...[0, 2, 4, 6, 8].map((at) => prefix.getUint16(at, true)))).toBe('dump_')
  },
)

it('calls a disk without GPT raw', () => {
  const { context } = contextOf(false, 512)
  expect(context.getUint32(0x88, true)).toBe(2)
  expect(new Uint8Array(context.buffer, context.byteOffset + 0x8c, 16)).toEqual(new Uint8Array(16))
})

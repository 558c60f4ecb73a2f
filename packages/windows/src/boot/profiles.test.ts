// What of a boot comes from the profile: build, layouts, places; and that the guest images have to agree with it.
import { absent, defineStruct, type Gva, gva, pfn, struct } from '@dumpstack/bytes'
import { createCpu } from '@dumpstack/cpu'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { createMachine, type Machine } from '@dumpstack/machine'
import { PROFILES, type Profile, win10_19041 } from '@dumpstack/nt'
import { GuestMemory } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { readGuestImages } from '../node/guest-images.ts'
import { bootKernel } from './boot-kernel.ts'
import type { BootedKernel } from './contract.ts'
import { ramRuns } from './memory-layout.ts'

function boot(profile: Profile): { machine: Machine; kernel: BootedKernel } {
  const machine = createMachine({ seed: 1, runs: ramRuns(64 * 2 ** 20), cpuCount: 2, controllers: [] })
  const cpu = createCpu(machine, new IcedDecoder())
  return {
    machine,
    kernel: bootKernel({ machine, images: readGuestImages(profile), cpu, epochMs: 0, profile }),
  }
}

const kernelMemory = (machine: Machine, kernel: BootedKernel) =>
  new GuestMemory(machine.ram, BigInt(kernel.directoryTableBase))
const exported = (kernel: BootedKernel, name: string): Gva => kernel.loadedImages[0]!.exportAddress(name)!

it.each(PROFILES)('boots $name from its own guest images', (profile) => {
  const { machine, kernel } = boot(profile)
  const build = kernelMemory(machine, kernel).u32(exported(kernel, 'NtBuildNumber'))
  expect(build & 0xffff).toBe(profile.build)
  expect(kernel.version.build).toBe(profile.build)
})

it('leaves alone what the layouts of a build lack', () => {
  const { layouts } = win10_19041
  const xcr0At = (profile: Profile): bigint => {
    const { machine, kernel } = boot(profile)
    return kernelMemory(machine, kernel).u64(gva(kernel.processorRegion + 0x180n + 0x100n + 0xd8n))
  }
  // as Windows 7, whose processor state ends before it
  const KspecialRegisters = defineStruct('_KSPECIAL_REGISTERS', layouts.KspecialRegisters.size, {
    ...layouts.KspecialRegisters.fields,
    xcr0: absent(0n),
  })
  const KprocessorState = defineStruct('_KPROCESSOR_STATE', layouts.KprocessorState.size, {
    ...layouts.KprocessorState.fields,
    specialRegisters: struct(0, KspecialRegisters),
  })
  const Kprcb = defineStruct('_KPRCB', layouts.Kprcb.size, {
    ...layouts.Kprcb.fields,
    processorState: struct(0x100, KprocessorState),
  })
  const Kpcr = defineStruct('_KPCR', layouts.Kpcr.size, {
    ...layouts.Kpcr.fields,
    prcb: struct(0x180, Kprcb),
  })
  const older = { ...layouts, KspecialRegisters, KprocessorState, Kprcb, Kpcr }
  expect(xcr0At(win10_19041)).toBe(7n)
  expect(xcr0At({ ...win10_19041, layouts: older })).toBe(0n)
})

it('refuses a profile of another build than the images state', () => {
  expect(() => boot({ ...win10_19041, name: 'win81-9600', build: 9600 })).toThrow(
    /^NtBuildNumber of guest image ntkrnlmp\.exe states build 19041, expected 9600 of profile win81-9600$/,
  )
})

it('refuses layouts that are not those of the images', () => {
  const Kpcr = { ...win10_19041.layouts.Kpcr, size: 0x4e80 }
  expect(() => boot({ ...win10_19041, layouts: { ...win10_19041.layouts, Kpcr } })).toThrow(
    /^KdDebuggerDataBlock\.sizePcr of ntkrnlmp\.exe is 0xb080, expected 0x4e80$/,
  )
})

describe('a kernel whose places the profile fixes, as Windows did before it drew them', () => {
  const range = (start: bigint, byteLength: bigint) => ({ start: gva(start), byteLength })
  const places = {
    selfMapSlot: 0x1ed,
    kernelImages: range(0xfffff80002a00000n, 0x1000_0000n),
    driverImages: range(0xfffff88000c00000n, 0x1000_0000n),
    nonpagedPool: range(0xfffffa8001800000n, 0x10_0000_0000n),
    systemPtes: range(0xfffff88010c00000n, 0x10_0000_0000n),
    pfnDatabase: range(0xfffffa8000000000n, 0x180_0000n),
  }
  const profile = { ...win10_19041, paging: { systemRoot: pfn(0x187), places } }
  const { machine, kernel } = boot(profile)
  const memory = kernelMemory(machine, kernel)

  it('has its tables, images and page frames there', () => {
    expect(kernel.directoryTableBase).toBe(0x187000)
    expect(kernel.loadedImages[0]!.base).toBe(0xfffff80002a00000n)
    expect(memory.u64(exported(kernel, 'MmPteBase'))).toBe(0xfffff68000000000n)
    expect(memory.u64(exported(kernel, 'MmPfnDatabase'))).toBe(0xfffffa8000000000n)
    expect(memory.frame(0xfffff6fb7dbedf68n)).toBe(0x187) // the PML4 shows itself
  })

  it('keeps its objects in the pool that the profile names', () => {
    const system = memory.u64(exported(kernel, 'PsInitialSystemProcess'))
    expect(system).toBeGreaterThanOrEqual(places.nonpagedPool.start)
    expect(system).toBeLessThan(places.nonpagedPool.start + 0x10_0000n)
  })
})

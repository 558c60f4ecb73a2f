import { gva } from '@dumpstack/bytes'
import { createMachine } from '@dumpstack/machine'
import { describe, expect, it } from 'vitest'
import { allocateKernelStack } from '../boot/kernel-stack.ts'
import { LoadedImages } from '../boot/loaded-images.ts'
import { ramRuns } from '../boot/memory-layout.ts'
import { KernelMemoryManager } from '../boot/memory-manager.ts'
import { readGuestImages } from '../node/guest-images.ts'
import { findBehind } from './instruction.ts'
import { StackWriter } from './stack-writer.ts'

const { ram } = createMachine({ seed: 6, runs: ramRuns(64 * 2 ** 20), cpuCount: 1, controllers: [] })
const memory = new KernelMemoryManager(ram)
const images = new LoadedImages({
  space: memory.space,
  pool: memory.pool,
  files: readGuestImages(),
  systemTime: () => 0n,
  hosted: new Set(),
})
const kernel = images.load('ntkrnlmp.exe', 'ntoskrnl.exe', memory.regions.kernelImages)
const driver = images.load('crashtst.sys', 'crashtst.sys', memory.regions.driverImages)
const nt = (name: string) => ({ image: kernel, name })
const start = () =>
  new StackWriter(memory.space, allocateKernelStack(memory.space, memory.regions.systemPtes).base)

describe('a stack', () => {
  it('keeps rsp on 16 bytes inside functions, as the calling convention asks', () => {
    const stack = start()
    stack.enterFirst(nt('KiIdleLoop'))
    for (const name of ['PoIdle', 'PpmIdleExecuteTransition', 'PpmIdleDefaultExecute']) {
      stack.call(nt(name))
      expect(stack.rsp % 16n).toBe(0n)
    }
  })

  it('cannot hold a call that the code does not make', () => {
    const stack = start()
    stack.enterFirst(nt('KiIdleLoop'))
    expect(() => stack.call(nt('KeBugCheckEx'))).toThrow(
      /^KiIdleLoop of ntoskrnl.exe never calls KeBugCheckEx$/,
    )
    expect(() => stack.call({ image: driver, name: 'CrashTestDeviceControl' })).toThrow(
      /^KiIdleLoop of ntoskrnl.exe never calls CrashTestDeviceControl$/,
    )
    expect(() => stack.call(nt('KeNothing'))).toThrow(/^ntkrnlmp.exe does not export KeNothing$/)
  })

  it('enters by interrupt only what has a machine frame', () => {
    const frame = { rip: 0x1000n, cs: 0x33, eFlags: 0x202, rsp: 0x2000n, ss: 0x2b }
    expect(() => start().interrupt(nt('PoIdle'), frame)).toThrow(/^PoIdle is not entered by an interrupt$/)
    const stack = start()
    stack.interrupt(nt('KiIpiInterrupt'), frame)
    // KTRAP_FRAME: rip at 0x168, rsp at 0x180.
    expect(memory.space.u64(gva(stack.rsp + 0x168n))).toBe(0x1000n)
    expect(memory.space.u64(gva(stack.rsp + 0x180n))).toBe(0x2000n)
  })

  it('begins somewhere', () => {
    expect(() => start().call(nt('PoIdle'))).toThrow(/^the stack has no function yet$/)
  })
})

it('finds where an instruction ends, or says which is missing', () => {
  const where = { name: 'Halt', beginRva: 0x1000, code: Uint8Array.of(0x90, 0xfb, 0xf4, 0xc3) }
  expect(findBehind(where, [0xfb, 0xf4])).toBe(0x1003)
  expect(() => findBehind(where, [0x0f, 0x05])).toThrow(/^Halt has no instruction 0f 05$/)
})

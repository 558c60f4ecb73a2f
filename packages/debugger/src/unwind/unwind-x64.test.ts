import { readFileSync } from 'node:fs'
import { type Gva, gva } from '@dumpstack/bytes'
import type { VirtualSpace } from '@dumpstack/dumpfile'
import { frameLayout, mapPe, openMappedImage, parsePe } from '@dumpstack/image'
import { ContextX64 } from '@dumpstack/nt'
import { buildPe } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { TargetMemory } from '../memory.ts'
import { Registers } from '../registers.ts'
import { UnknownRegister, unwindStep } from './unwind-x64.ts'

const BASE = 0xfffff80312400000n
const STACK = 0xffffc18000080000n
const STACK_BYTES = 0x8000
const CALLER = 0xfffff80399990123n

/** An image at BASE and a stack at STACK, and nothing else. */
class Memory implements VirtualSpace {
  readonly stack = new DataView(new ArrayBuffer(STACK_BYTES))
  readonly #image: Uint8Array

  constructor(image: Uint8Array) {
    this.#image = image
  }
  read(address: Gva, into: Uint8Array): number {
    const [start, bytes] =
      address >= STACK && address < STACK + BigInt(STACK_BYTES)
        ? [STACK, new Uint8Array(this.stack.buffer)]
        : [BASE, this.#image]
    const at = Number(address - start)
    if (address < start || at >= bytes.byteLength) return 0
    const part = bytes.subarray(at, at + into.byteLength)
    into.set(part)
    return part.byteLength
  }
  absence(address: Gva): 'notInDump' | null {
    return this.read(address, new Uint8Array(1)) === 1 ? null : 'notInDump'
  }
  translate(): null {
    return null
  }
  set(address: bigint, value: bigint): void {
    this.stack.setBigUint64(Number(address - STACK), value, true)
  }
}

const registersAt = (rva: number, rsp: bigint): Registers => {
  const registers = Registers.of(new Uint8Array(ContextX64.size))
  for (let index = 0; index < 16; index++) registers.setGeneral(index, BigInt(0x1000 + index))
  registers.context.rip = BASE + BigInt(rva)
  registers.context.rsp = rsp
  return registers
}

const AFTER_CALL = { unknown: new Set<number>(), isExact: false }

describe.each(['ntkrnlmp.exe', 'crashtst.sys', 'storport.sys', 'storahci.sys'])(
  'every function of %s, past its prolog',
  (name) => {
    const file = parsePe(readFileSync(new URL(`../../../../guest/bin/${name}`, import.meta.url)))
    const mapped = mapPe(file, gva(BASE))
    const image = openMappedImage((rva, into) => {
      const part = mapped.subarray(rva, rva + into.byteLength)
      into.set(part)
      return part.byteLength
    })
    const whole = file.runtimeFunctions.filter(({ beginRva, endRva, unwindRva }) => {
      const info = file.unwindInfo(unwindRva)
      return info.chained === null && beginRva + info.sizeOfProlog < endRva
    })

    it.each(whole)('returns to its caller from rva $beginRva', (entry) => {
      // The layout says where the prolog leaves everything: laid here by it, undone by the unwind codes.
      const layout = frameLayout(file, entry.beginRva)
      const memory = new Memory(mapped)
      const rsp = STACK + 0x1000n
      const registers = registersAt(entry.beginRva + file.unwindInfo(entry.unwindRva).sizeOfProlog, rsp)
      for (const { register, offset } of layout.saved) {
        memory.set(rsp + BigInt(offset), BigInt(0xaaaa0000 + register))
      }
      if (layout.framePointer !== null) {
        registers.setGeneral(layout.framePointer.register, rsp + BigInt(layout.framePointer.offset))
      }
      memory.set(rsp + BigInt(layout.returnOffset), CALLER)
      const trapStack = STACK + 0x7000n
      if (layout.hasMachineFrame) memory.set(rsp + BigInt(layout.returnOffset) + 0x18n, trapStack)

      const step = unwindStep(image, BASE, registers, new TargetMemory(memory), AFTER_CALL)
      expect(step.machineFrame).toBe(layout.hasMachineFrame)
      expect(registers.rip).toBe(CALLER)
      expect(registers.rsp).toBe(layout.hasMachineFrame ? trapStack : rsp + BigInt(layout.byteLength))
      for (const { register } of layout.saved) {
        expect(registers.general(register)).toBe(BigInt(0xaaaa0000 + register))
      }
    })
  },
)

/** push rbx; push r12; sub rsp,28h; lea rbp.. none; nop; add rsp,28h; pop r12; pop rbx; ret */
const CODE = [
  [0x53],
  [0x41, 0x54],
  [0x48, 0x83, 0xec, 0x28],
  [0x90],
  [0x48, 0x83, 0xc4, 0x28],
  [0x41, 0x5c],
  [0x5b],
  [0xc3],
]
/** rsp below the return address before each of them. */
const DEPTHS = [0, 8, 16, 0x38, 0x38, 16, 8, 0]
const UNWIND = [0x01, 0x07, 0x03, 0x00, 0x07, 0x42, 0x03, 0xc0, 0x01, 0x30, 0x00, 0x00]

function builtImage(code: number[], unwind: number[]): { mapped: Uint8Array } {
  const bytes = buildPe({
    preferredBase: BASE,
    sections: [{ name: '.text', bytes: Uint8Array.from(code) }],
    functions: [{ begin: 0x1000, end: 0x1000 + code.length, unwind: Uint8Array.from(unwind) }],
  })
  return { mapped: mapPe(parsePe(bytes), gva(BASE)) }
}
const openAt = (mapped: Uint8Array) =>
  openMappedImage((rva, into) => {
    const part = mapped.subarray(rva, rva + into.byteLength)
    into.set(part)
    return part.byteLength
  })

describe('a function interrupted at any of its instructions', () => {
  const { mapped } = builtImage(CODE.flat(), UNWIND)
  const image = openAt(mapped)
  it.each(CODE.map((_, index) => index))('returns to its caller from instruction %i', (index) => {
    const memory = new Memory(mapped)
    const top = STACK + 0x2000n // where the return address lies
    memory.set(top, CALLER)
    memory.set(top - 8n, 0xbbbbn)
    memory.set(top - 16n, 0xccccn)
    const rva = 0x1000 + CODE.slice(0, index).flat().length
    const registers = registersAt(rva, top - BigInt(DEPTHS[index]!))
    // What is still in the registers, and not yet or no longer on the stack.
    if (index === 0 || index === 7) registers.setGeneral(3, 0xbbbbn)
    if (index <= 1 || index >= 6) registers.setGeneral(12, 0xccccn)
    unwindStep(image, BASE, registers, new TargetMemory(memory), { unknown: new Set(), isExact: true })
    expect(registers.rip).toBe(CALLER)
    expect(registers.rsp).toBe(top + 8n)
    expect(registers.general(3)).toBe(0xbbbbn)
    expect(registers.general(12)).toBe(0xccccn)
  })
})

it('takes the return address of a leaf from the top of the stack', () => {
  const { mapped } = builtImage([...CODE.flat(), 0xc3], UNWIND)
  const memory = new Memory(mapped)
  memory.set(STACK + 0x100n, CALLER)
  const registers = registersAt(0x1f00, STACK + 0x100n)
  unwindStep(openAt(mapped), BASE, registers, new TargetMemory(memory), AFTER_CALL)
  expect([registers.rip, registers.rsp]).toEqual([CALLER, STACK + 0x108n])
})

it('does not trust a frame pointer that a guess has lost', () => {
  // push rbp; lea rbp,[rsp+20h] with a frame of 20h: UWOP_PUSH_NONVOL rbp, UWOP_SET_FPREG.
  const { mapped } = builtImage(
    [0x55, 0x48, 0x8d, 0x6c, 0x24, 0x20, 0x90, 0x90],
    [0x01, 0x06, 0x02, 0x25, 0x06, 0x03, 0x01, 0x50],
  )
  const registers = registersAt(0x1007, STACK + 0x100n)
  const facts = { unknown: new Set([5]), isExact: false }
  expect(() =>
    unwindStep(openAt(mapped), BASE, registers, new TargetMemory(new Memory(mapped)), facts),
  ).toThrow(UnknownRegister)
})

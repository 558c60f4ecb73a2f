// A stack laid from frameLayout must unwind. The unwinder here is another one: it reads .pdata and UNWIND_INFO from the
// mapped bytes itself and undoes code by code (Microsoft "x64 exception handling", "Unwind procedure").
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { gva } from '@dumpstack/bytes'
import { frameLayout, mapPe, type PeImage, parsePe } from '@dumpstack/image'
import { describe, expect, it } from 'vitest'
import { GUEST_BIN, goodMiniports, guestImages, MINIPORT_BIN, sharedData } from './tools.ts'

const RSP = 4
const RIP = 16
type Registers = bigint[] // 0..15 as unwind codes number them, 16 rip

class Stack {
  readonly qwords = new Map<bigint, bigint>()
  read(at: bigint): bigint {
    const value = this.qwords.get(at)
    if (value === undefined) throw new Error(`nothing was laid at ${at.toString(16)}`)
    return value
  }
}

class Unwinder {
  readonly view: DataView
  readonly pdata: { rva: number; count: number }
  readonly base: bigint

  constructor(image: PeImage, base: bigint) {
    this.base = base
    this.view = new DataView(mapPe(image, gva(base)).buffer)
    const pe = this.view.getUint32(0x3c, true)
    const directory = pe + 24 + 112 + 3 * 8
    this.pdata = {
      rva: this.view.getUint32(directory, true),
      count: this.view.getUint32(directory + 4, true) / 12,
    }
  }

  /** The caller's registers, from those of a function that is past its prolog. */
  step(registers: Registers, stack: Stack): Registers {
    const out = [...registers]
    const rva = Number(out[RIP]! - this.base)
    let entry = -1
    for (let i = 0; i < this.pdata.count; i++) {
      const at = this.pdata.rva + i * 12
      if (rva >= this.view.getUint32(at, true) && rva < this.view.getUint32(at + 4, true)) entry = at
    }
    let isMachineFrame = false
    while (entry >= 0) {
      const info = this.view.getUint32(entry + 8, true)
      isMachineFrame = this.undo(info, out, stack) || isMachineFrame
      const isChained = (this.view.getUint8(info) & 0x20) !== 0
      entry = isChained ? info + 4 + ((this.view.getUint8(info + 2) + 1) & ~1) * 2 : -1
    }
    if (!isMachineFrame) {
      out[RIP] = stack.read(out[RSP]!)
      out[RSP]! += 8n
    }
    return out
  }

  undo(info: number, out: Registers, stack: Stack): boolean {
    const slots = this.view.getUint8(info + 2)
    const frame = this.view.getUint8(info + 3)
    const base = (frame & 15) === 0 ? out[RSP]! : out[frame & 15]! - BigInt(frame >> 4) * 16n
    const u16 = (slot: number): number => this.view.getUint16(info + 4 + slot * 2, true)
    for (let slot = 0; slot < slots; ) {
      const op = (u16(slot) >> 8) & 15
      const detail = u16(slot) >> 12
      const near = slot + 1 < slots ? BigInt(u16(slot + 1)) : 0n
      const far = near | (slot + 2 < slots ? BigInt(u16(slot + 2)) << 16n : 0n)
      if (op === 0) {
        out[detail] = stack.read(out[RSP]!)
        out[RSP]! += 8n
        slot += 1
      } else if (op === 1) {
        out[RSP]! += detail === 0 ? near * 8n : far
        slot += detail === 0 ? 2 : 3
      } else if (op === 2) {
        out[RSP]! += BigInt(detail) * 8n + 8n
        slot += 1
      } else if (op === 3) {
        out[RSP] = base
        slot += 1
      } else if (op === 4) {
        out[detail] = stack.read(base + near * 8n)
        slot += 2
      } else if (op === 8) {
        slot += 2
      } else if (op === 10) {
        const at = out[RSP]! + (detail === 1 ? 8n : 0n)
        out[RIP] = stack.read(at)
        out[RSP] = stack.read(at + 0x18n)
        return true
      } else {
        throw new Error(`operation ${op} of unwind information at ${info.toString(16)}`)
      }
    }
    return false
  }
}

/** Puts the frame of `rva` at `rsp`: what the caller had in its registers goes where the function saves it. */
function lay(image: PeImage, rva: number, rsp: bigint, caller: Registers, stack: Stack): Registers {
  const frame = frameLayout(image, rva)
  const own = [...caller]
  for (const { register, offset } of frame.saved) {
    stack.qwords.set(rsp + BigInt(offset), caller[register]!)
    own[register] = 0xdead0000n + BigInt(register)
  }
  const at = rsp + BigInt(frame.returnOffset)
  stack.qwords.set(at, caller[RIP]!)
  if (frame.hasMachineFrame) stack.qwords.set(at + 0x18n, caller[RSP]!)
  if (frame.framePointer !== null) own[frame.framePointer.register] = rsp + BigInt(frame.framePointer.offset)
  own[RSP] = rsp
  return own
}

const BASE = 0xfffff80312340000n
const files: [name: string, file: string | null][] = [
  ...guestImages().map((name): [string, string] => [name, path.join(GUEST_BIN, name)]),
  ...goodMiniports.map((name): [string, string] => [name, path.join(MINIPORT_BIN, name)]),
  ...['sentry_CrashWithException.exe', 'syz_test_types_x64.dll'].map((name): [string, string | null] => [
    name,
    sharedData(`pdb/${name}`),
  ]),
]

describe.each(files)('%s', (name, file) => {
  const needs = file === null ? ` (needs shared/data/pdb/${name})` : ''
  it.skipIf(file === null)(`gives back the caller of every function${needs}`, () => {
    const image = parsePe(readFileSync(file!))
    const unwinder = new Unwinder(image, BASE)
    for (const { beginRva, endRva } of image.runtimeFunctions) {
      const stack = new Stack()
      const frame = frameLayout(image, beginRva)
      const rsp = 0xffffa00000010000n
      const caller: Registers = Array.from({ length: 17 }, (_, i) => 0x1111_0000_0000n + BigInt(i))
      caller[RSP] = frame.hasMachineFrame ? 0xffffa00000777770n : rsp + BigInt(frame.byteLength)
      const own = lay(image, beginRva, rsp, caller, stack)
      own[RIP] = BASE + BigInt(endRva - 1)
      expect(unwinder.step(own, stack), `function at ${beginRva.toString(16)}`).toEqual(caller)
    }
  })
})

it('a whole stack of the kernel unwinds frame by frame to where it began', () => {
  const image = parsePe(readFileSync(path.join(GUEST_BIN, 'ntkrnlmp.exe')))
  const unwinder = new Unwinder(image, BASE)
  const names = [
    'KiStartSystemThread',
    'PspSystemThreadStartup',
    'ExpWorkerThread',
    'KeWaitForSingleObject',
    'KiSwapThread',
    'KiSwapContext',
    'SwapContext',
  ]
  const stack = new Stack()
  const expected: Registers[] = []
  let rsp = 0xffffa00000020000n
  let registers: Registers = Array.from({ length: 17 }, (_, i) => 0x2222_0000_0000n + BigInt(i))
  registers[RSP] = rsp
  for (const name of names) {
    const rva = image.exports.get(name)!
    expected.unshift(registers)
    rsp -= BigInt(frameLayout(image, rva).byteLength)
    registers = lay(image, rva, rsp, registers, stack)
    registers[RIP] = BASE + BigInt(image.findFunction(rva)!.endRva - 1)
  }
  for (const caller of expected) {
    registers = unwinder.step(registers, stack)
    expect(registers).toEqual(caller)
  }
})

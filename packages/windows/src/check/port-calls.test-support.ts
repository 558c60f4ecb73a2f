// Guest code that calls its port: a miniport is assembled from a list of calls, loaded, and run on the machine's processor, once as the
// driver of a running disk and once as the dump driver after a crash. What it got lies in its own data, by offset.

import { gpa, gva } from '@dumpstack/bytes'
import {
  type DumpWriteReport,
  loadCrashDumpStack,
  openSysFile,
  type SysHost,
  startRuntimeStack,
  storahci,
} from '@dumpstack/drivers'
import type { Machine } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { afterEach } from 'vitest'
import type { BootedKernel } from '../boot/contract.ts'
import { PLAIN_LAYOUT, systemDrivenBy } from '../node/driven-system.test-support.ts'
import { CrashedSystem } from '../system/crashed-system.ts'
import { checkDump, PARTITION_OFFSET } from './check-dump.ts'
import { systemSettings } from './settings.ts'

/** An argument: a number, or what the driver has at run time. */
export type Arg = number | bigint | Place
interface Place {
  readonly kind: 'address' | 'value' | 'routine'
  /** In the driver's data. */
  readonly at: number
  /** Added to it. */
  readonly plus?: number
}
/** A call of an import, a store of `value` with `bytes` bytes at `to` + `offset`, or instructions. */
export type Step =
  | readonly [name: string, ...args: Arg[]]
  | { readonly to: Arg; readonly offset: number; readonly bytes: 1 | 4; readonly value: number }
  | { readonly code: readonly number[] }

export interface Routines {
  readonly findAdapter?: readonly Step[]
  readonly initialize?: readonly Step[]
  readonly startIo?: readonly Step[]
  /** What HwFindAdapter answers: SP_RETURN_FOUND makes the port go on. */
  readonly finds?: boolean
  /** What a member of HW_INITIALIZATION_DATA holds, by offset and width. */
  readonly table?: readonly (readonly [offset: number, bytes: 1 | 4, value: number])[]
  /** What lies in the driver's data at the start, by offset. */
  readonly data?: Readonly<Record<number, Uint8Array>>
}

// The driver's data: 0 to 0xfff are the test's.
const RESULTS = 0x1000
const CELLS = 0x1800
const EXTENSION = CELLS
const CONFIG = CELLS + 8
const DRIVER_OBJECT = CELLS + 0x10
const REGISTRY_PATH = CELLS + 0x18
const SRB = CELLS + 0x20
const CALLBACK = 0x1900
const TABLE = 0x1a00
const DATA_BYTES = 0x2000
const DATA_RVA = 0x1000
const CODE_RVA = DATA_RVA + DATA_BYTES
const FRAME = 0xe8

export const extension: Place = { kind: 'value', at: EXTENSION }
export const config: Place = { kind: 'value', at: CONFIG }
export const srb: Place = { kind: 'value', at: SRB }
/** The address of that byte of the driver's data. */
export const at = (offset: number): Place => ({ kind: 'address', at: offset })
/** The 64-bit value that lies there when the call is made. */
export const held = (offset: number): Place => ({ kind: 'value', at: offset })
/** So many bytes after what another argument is. */
export const behind = (place: Place, plus: number): Place => ({ ...place, plus })
/** The result of a call, by its place in its routine. */
export const result = (index: number): Place => ({ kind: 'value', at: RESULTS + index * 8 })
/** The address of where it lies. */
export const resultAt = (index: number): Place => ({ kind: 'address', at: RESULTS + index * 8 })
/** A routine that notes its four arguments and its IRQL, counts, and returns 1. */
export const callback: Place = { kind: 'routine', at: 0 }

/** Where it counts. */
export const callbackCount: Place = { kind: 'address', at: CALLBACK + 0x28 }

const ROUTINE_OFFSETS = {
  initialize: 0x08,
  startIo: 0x10,
  interrupt: 0x18,
  findAdapter: 0x20,
  resetBus: 0x28,
}

class Assembler {
  readonly bytes: number[] = []
  readonly #imports: ReadonlyMap<string, number>
  callbackRva = 0

  constructor(imports: ReadonlyMap<string, number>) {
    this.#imports = imports
  }

  get rva(): number {
    return CODE_RVA + this.bytes.length
  }

  emit(...bytes: readonly number[]): void {
    this.bytes.push(...bytes)
  }

  u32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.emit((value >>> shift) & 0xff)
  }

  /** An instruction with a displacement from RIP, and bytes of an immediate after it. */
  relative(opcode: readonly number[], rva: number, behind = 0): void {
    this.emit(...opcode)
    this.u32(rva - (this.rva + 4 + behind))
  }

  load(arg: Arg): void {
    if (typeof arg !== 'object') {
      this.emit(0x48, 0xb8)
      const value = BigInt.asUintN(64, BigInt(arg))
      this.u32(Number(value & 0xffffffffn))
      this.u32(Number(value >> 32n))
    } else if (arg.kind === 'value') this.relative([0x48, 0x8b, 0x05], DATA_RVA + arg.at)
    else this.relative([0x48, 0x8d, 0x05], arg.kind === 'routine' ? this.callbackRva : DATA_RVA + arg.at)
    if (typeof arg !== 'object' || arg.plus === undefined) return
    this.emit(0x48, 0x05) // add rax, imm32
    this.u32(arg.plus)
  }

  call(name: string, args: readonly Arg[]): void {
    args.forEach((arg, index) => {
      this.load(arg)
      const register = [
        [0x48, 0x89, 0xc1],
        [0x48, 0x89, 0xc2],
        [0x49, 0x89, 0xc0],
        [0x49, 0x89, 0xc1],
      ][index]
      this.emit(...(register ?? [0x48, 0x89, 0x84, 0x24]))
      if (register === undefined) this.u32(index * 8)
    })
    this.relative([0xff, 0x15], this.#imports.get(name) ?? 0)
  }

  steps(steps: readonly Step[], first: number): void {
    let index = first
    for (const step of steps) {
      if ('code' in step) {
        this.emit(...step.code)
        continue
      }
      if ('to' in step) {
        this.load(step.to)
        this.emit(step.bytes === 1 ? 0xc6 : 0xc7, 0x80)
        this.u32(step.offset)
        if (step.bytes === 1) this.emit(step.value & 0xff)
        else this.u32(step.value)
        continue
      }
      const [name, ...args] = step
      this.call(name, args)
      this.relative([0x48, 0x89, 0x05], DATA_RVA + RESULTS + index++ * 8)
    }
  }

  enter(): void {
    this.emit(0x48, 0x81, 0xec)
    this.u32(FRAME)
  }

  leave(answer: number | null): void {
    if (answer !== null) {
      this.emit(0xb8)
      this.u32(answer)
    }
    this.emit(0x48, 0x81, 0xc4)
    this.u32(FRAME)
    this.emit(0xc3)
  }
}

const isCall = (step: Step): step is readonly [string, ...Arg[]] => !('to' in step || 'code' in step)
const counted = (steps: readonly Step[] = []): number => steps.filter(isCall).length

function assemble(routines: Routines, imports: ReadonlyMap<string, number>): Uint8Array {
  const code = new Assembler(imports)
  const entries: Record<keyof typeof ROUTINE_OFFSETS, number> = {
    initialize: 0,
    startIo: 0,
    interrupt: 0,
    findAdapter: 0,
    resetBus: 0,
  }
  code.callbackRva = code.rva
  code.relative([0x48, 0x89, 0x0d], DATA_RVA + CALLBACK) // rcx
  code.relative([0x48, 0x89, 0x15], DATA_RVA + CALLBACK + 8) // rdx
  code.relative([0x4c, 0x89, 0x05], DATA_RVA + CALLBACK + 0x10) // r8
  code.relative([0x4c, 0x89, 0x0d], DATA_RVA + CALLBACK + 0x18) // r9
  code.emit(0x44, 0x0f, 0x20, 0xc0) // mov rax, cr8
  code.relative([0x48, 0x89, 0x05], DATA_RVA + CALLBACK + 0x20)
  code.relative([0x48, 0xff, 0x05], DATA_RVA + CALLBACK + 0x28) // inc
  code.emit(0xb8, 1, 0, 0, 0, 0xc3)

  entries.findAdapter = code.rva
  code.relative([0x48, 0x89, 0x0d], DATA_RVA + EXTENSION)
  code.emit(0x48, 0x8b, 0x44, 0x24, 0x28) // ConfigInfo
  code.relative([0x48, 0x89, 0x05], DATA_RVA + CONFIG)
  code.enter()
  code.steps(routines.findAdapter ?? [], 0)
  code.leave(routines.finds === true ? 1 : 0)

  let first = counted(routines.findAdapter)
  entries.initialize = code.rva
  code.enter()
  code.steps(routines.initialize ?? [], first)
  code.leave(1)

  first += counted(routines.initialize)
  entries.startIo = code.rva
  code.relative([0x48, 0x89, 0x15], DATA_RVA + SRB)
  code.enter()
  code.steps(routines.startIo ?? [], first)
  code.leave(1)

  entries.interrupt = code.rva
  entries.resetBus = code.rva
  code.emit(0x31, 0xc0, 0xc3) // nothing of ours

  entryPoint = code.rva
  code.relative([0x48, 0x89, 0x0d], DATA_RVA + DRIVER_OBJECT)
  code.relative([0x48, 0x89, 0x15], DATA_RVA + REGISTRY_PATH)
  code.enter()
  for (const [name, offset] of Object.entries(ROUTINE_OFFSETS)) {
    code.relative([0x48, 0x8d, 0x05], entries[name as keyof typeof entries]) // the keys of ROUTINE_OFFSETS
    code.relative([0x48, 0x89, 0x05], DATA_RVA + TABLE + offset)
  }
  code.call('StorPortInitialize', [held(DRIVER_OBJECT), held(REGISTRY_PATH), at(TABLE), 0])
  code.leave(null)
  return Uint8Array.from(code.bytes)
}
let entryPoint = 0

function dataOf(routines: Routines): Uint8Array {
  const bytes = new Uint8Array(DATA_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(TABLE, 0xd0, true)
  view.setUint32(TABLE + 0x04, 5, true) // PCIBus
  view.setUint32(TABLE + 0x40, 0x40, true) // DeviceExtensionSize
  view.setUint32(TABLE + 0x44, 0x20, true) // SpecificLuExtensionSize
  view.setUint32(TABLE + 0x48, 0x40, true) // SrbExtensionSize
  view.setUint32(TABLE + 0x4c, 6, true) // NumberOfAccessRanges
  for (const [offset, width, value] of routines.table ?? []) {
    if (width === 1) view.setUint8(TABLE + offset, value)
    else view.setUint32(TABLE + offset, value, true)
  }
  for (const [offset, part] of Object.entries(routines.data ?? {})) bytes.set(part, Number(offset))
  return bytes
}

/** The file; twice, since the places of the imports follow from the length of the code. */
function driverFile(buildPe: BuildPe, routines: Routines): Uint8Array {
  const names = new Set(['StorPortInitialize'])
  for (const steps of [routines.findAdapter, routines.initialize, routines.startIo]) {
    for (const step of steps ?? []) if (isCall(step)) names.add(step[0])
  }
  const build = (code: Uint8Array): Uint8Array => {
    const bytes = buildPe({
      sections: [
        { name: '.data', bytes: dataOf(routines) },
        { name: '.text', bytes: code },
      ],
      entryPoint,
      relocations: [],
      imports: { 'storport.sys': [...names] },
    })
    bytes[0x80 + 24 + 68] = 1 // IMAGE_SUBSYSTEM_NATIVE
    return bytes
  }
  const first = openSysFile(FILE, build(assemble(routines, new Map())))
  const places = new Map(first.image.imports[0]!.names.map(({ name, iatRva }) => [name, iatRva]))
  return build(assemble(routines, places))
}

const FILE = 'calls.sys'

/** The builder of the test kit, which only tests import. */
export type BuildPe = (input: {
  sections: { name: string; bytes: Uint8Array }[]
  entryPoint: number
  relocations: number[]
  imports: Record<string, string[]>
}) => Uint8Array

export class PortCalls {
  readonly machine: Machine
  readonly kernel: BootedKernel
  /** What ended the start of the running stack. */
  error: unknown = null
  report: DumpWriteReport | null = null
  readonly #host: SysHost
  #driver = FILE

  constructor(buildPe: BuildPe, routines: Routines, kind: 'ahci' | 'virtio-blk' = 'ahci') {
    const system = systemDrivenBy(openSysFile(FILE, driverFile(buildPe, routines)), kind)
    this.machine = system.machine
    this.kernel = system.kernel
    this.#host = system.host
  }

  /** As the driver of the disk; it may find no adapter, or never answer. */
  run(usesLine = false): this {
    const { machine } = this
    const { kernel, miniport } = this.#host
    try {
      startRuntimeStack({ machine, kernel, controller: machine.controllers[0]!, miniport, usesLine })
    } catch (error) {
      this.error = error
    }
    return this
  }

  /** As the dump driver of a disk that another driver runs. */
  crash(): this {
    const { machine } = this
    const { kernel, miniport } = this.#host
    const controller = machine.controllers[0]!
    const runtime = startRuntimeStack({ machine, kernel, controller, miniport: storahci })
    const dumpStack = loadCrashDumpStack({ machine, kernel, profile: win10_19041, runtime, miniport })
    dumpStack.setPageFile(PLAIN_LAYOUT.pageFile, PARTITION_OFFSET)
    this.kernel.loadCrashDriver()
    const crashed = new CrashedSystem({ machine, kernel: this.kernel, runtime, dumpStack })
    this.report = crashed.writeAll(checkDump(machine.ram, systemSettings({})))
    this.#driver = `dump_${FILE}`
    return this
  }

  /** `rule call` of each violation. */
  get findings(): string[] {
    return (this.report?.violations ?? []).map(({ rule, call }) => `${rule} ${call}`)
  }

  bytes(offset: number, length: number): Uint8Array {
    const image = this.kernel.loadedImages.find(({ baseName }) => baseName === this.#driver)!
    const address = this.kernel.vaToGpa(gva(image.base + BigInt(DATA_RVA + offset)))
    const bytes = new Uint8Array(length)
    this.machine.ram.read(gpa(address!), bytes)
    return bytes
  }

  u64(offset: number): bigint {
    return new DataView(this.bytes(offset, 8).buffer).getBigUint64(0, true)
  }

  u32(offset: number): number {
    return Number(this.u64(offset) & 0xffffffffn)
  }

  /** What the call returned, by its place among all calls: of HwFindAdapter, HwInitialize, HwStartIo. */
  result(index: number): bigint {
    return this.u64(RESULTS + index * 8)
  }

  get callback(): { readonly args: readonly bigint[]; readonly irql: number; readonly count: number } {
    const args = [0, 8, 0x10, 0x18].map((offset) => this.u64(CALLBACK + offset))
    return { args, irql: this.u32(CALLBACK + 0x20), count: this.u32(CALLBACK + 0x28) }
  }

  close(): void {
    this.machine.close()
  }
}

/** Makes machines for the tests of a file, each closed after its test. */
export function portCallsWith(
  buildPe: BuildPe,
): (routines: Routines, kind?: 'ahci' | 'virtio-blk') => PortCalls {
  const made: PortCalls[] = []
  afterEach(() => {
    for (const calls of made.splice(0)) calls.close()
  })
  return (routines, kind) => {
    const calls = new PortCalls(buildPe, routines, kind)
    made.push(calls)
    return calls
  }
}

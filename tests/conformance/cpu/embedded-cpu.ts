// Our processor under the same tests: the same page tables and windows in the RAM of an embedded machine, states in and
// out as records of harness.s.
import { type Gva, gpa, gva, pfn } from '@dumpstack/bytes'
import { type Cpu, type CpuState, CpuStop, type CpuStopReason, createCpu, type Gpr } from '@dumpstack/cpu'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { createMachine, type Machine } from '@dumpstack/machine'
import {
  CODE,
  CODE_AT,
  CODE_BYTES,
  FRAMES,
  FS_BASE,
  GS_BASE,
  HIGH,
  LARGE_AT,
  LARGE_BYTES,
  PML4_AT,
  Record,
  STACK,
  type Store,
  TABLES,
  testTables,
  WINDOWS,
} from './layout.ts'

/** A call there sets the state and returns to START: no register is left to calling conventions. */
const ENTRY = gva(0xfffff87700000000n)
/** A page for ring 0: MXCSR, code that leads to the code under test, and the frame that it takes it from. */
const START_PAGE_AT = 0x19000
const [MXCSR, START, FRAME] = [0, 0x10, 0x800]
/** ldmxcsr [rip + MXCSR]; iretq */
const START_CODE = Uint8Array.of(0x0f, 0xae, 0x15, 0xe9, 0xff, 0xff, 0xff, 0x48, 0xcf)
const BUDGET = 20_000
/** Of the states that a snippet starts from, half run it before it is compiled for speed, half afterwards. */
const HOT_RUNS = 16
const VECTORS: Partial<Record<CpuStopReason, number>> = {
  divideError: 0,
  debugBreak: 3,
  invalidOpcode: 6,
  generalProtection: 13,
  pageFault: 14,
}

export class EmbeddedCpu {
  readonly #machine: Machine
  readonly #cpu: Cpu
  readonly #atReset: CpuState
  /** The last code may have ended in ring 3. */
  #mustReset = false
  #record: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(new ArrayBuffer(0))

  constructor() {
    this.#machine = createMachine({
      seed: 1,
      cpuCount: 1,
      runs: [{ basePage: pfn(0x10), pageCount: (CODE_AT + CODE_BYTES) / 4096 - 0x10 }],
      controllers: [],
    })
    // an embedded machine's RAM is filled with a pattern, QEMU's with zeros
    for (const frame of [...TABLES, ...FRAMES]) this.#machine.ram.write(gpa(frame), new Uint8Array(4096))
    this.#machine.ram.write(gpa(LARGE_AT), new Uint8Array(LARGE_BYTES))
    for (const store of testTables()) this.#store(store)
    this.#cpu = createCpu(this.#machine, new IcedDecoder(), { hotRuns: HOT_RUNS })
    this.#cpu.cr3 = gpa(PML4_AT)
    this.#atReset = this.#cpu.saveState()
    this.#machine.ram.write(gpa(START_PAGE_AT + START), START_CODE)
    this.#cpu.trap(ENTRY, 1, () => this.#begin())
  }

  write(at: number, bytes: Uint8Array): void {
    this.#machine.ram.write(gpa(at), bytes)
    this.#cpu.invalidate()
  }
  read(at: number, byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength)
    this.#machine.ram.read(gpa(at), bytes)
    return bytes
  }

  /** From the state in a record to the state that it ends in, in the same record. */
  run(record: Uint8Array): CpuStop {
    this.#record = record
    this.#view = new DataView(record.buffer, record.byteOffset, record.byteLength)
    if (this.#mustReset) this.#cpu.restoreState(this.#atReset)
    this.#cpu.writeGpr(4, STACK.address + 128n)
    this.#cpu.budget.instructions = BUDGET
    try {
      this.#cpu.call(ENTRY, [])
    } catch (error) {
      if (!(error instanceof CpuStop)) throw error
      this.#end(error)
      this.#mustReset = error.reason !== 'debugBreak' || error.rip < CODE
      return error
    }
    throw new Error('code under test came back')
  }

  #begin(): bigint {
    const cpu = this.#cpu
    const view = this.#view
    for (let register = 1; register < 16; register++) {
      cpu.writeGpr(register as Gpr, view.getBigUint64(register * 8, true)) // 1 to 15
    }
    const start = HIGH + BigInt(START_PAGE_AT)
    cpu.writeGpr(4, start + BigInt(FRAME - 8))
    const { ram } = this.#machine
    ram.setU64(gpa(START_PAGE_AT + FRAME - 8), start + BigInt(START))
    const frame = [Record.rip, Record.cs, Record.rflags, 4 * 8, Record.ss]
    frame.forEach((offset, i) => {
      ram.setU64(gpa(START_PAGE_AT + FRAME + i * 8), view.getBigUint64(offset, true))
    })
    ram.setU64(gpa(START_PAGE_AT + MXCSR), view.getBigUint64(Record.mxcsr, true))
    for (let i = 0; i < 16; i++)
      cpu.xmm(i).set(this.#record.subarray(Record.xmm + i * 16, Record.xmm + i * 16 + 16))
    cpu.gsBase = gva(GS_BASE)
    cpu.fsBase = gva(FS_BASE)
    cpu.cr8 = 0
    this.#eachPiece((at, bytes) => this.#machine.ram.write(gpa(at), bytes))
    return view.getBigUint64(0, true)
  }

  #end(stop: CpuStop): void {
    const cpu = this.#cpu
    const view = this.#view
    for (let register = 0; register < 16; register++) {
      view.setBigUint64(register * 8, cpu.readGpr(register as Gpr), true) // 0 to 15
    }
    view.setBigUint64(Record.rip, cpu.rip, true)
    view.setBigUint64(Record.rflags, BigInt(cpu.rflags), true)
    view.setBigUint64(Record.vector, BigInt(VECTORS[stop.reason] ?? 0xff), true)
    view.setBigUint64(Record.errorCode, BigInt(stop.reason === 'pageFault' ? (stop.errorCode ?? 0) : 0), true)
    const address: Gva | undefined = stop.reason === 'pageFault' ? stop.address : undefined
    view.setBigUint64(Record.cr2, address ?? 0n, true)
    for (let i = 0; i < 16; i++) this.#record.set(cpu.xmm(i), Record.xmm + i * 16)
    this.#eachPiece((at, bytes) => this.#machine.ram.read(gpa(at), bytes))
  }

  #eachPiece(act: (at: number, bytes: Uint8Array) => void): void {
    for (const { offset, at } of WINDOWS) {
      let from = offset
      for (const piece of at) {
        act(piece.gpa, this.#record.subarray(from, from + piece.byteLength))
        from += piece.byteLength
      }
    }
  }

  #store([at, value]: Store): void {
    this.#machine.ram.setU64(gpa(at), value)
  }
}

// A processor for the tests of marshalling: guest routines are functions of the test at guest addresses, and call imports by address. It
// has the fake kernel's addresses and no instruction of its own; the real one is tested in its room, and with it in windows.
import { type Gpa, type Gva, gpa, gva } from '@dumpstack/bytes'
import { type Cpu, CpuStop, type Gpr } from '@dumpstack/cpu'
import type { Machine } from '@dumpstack/machine'
import type { KernelServices } from '../kernel-services.ts'

export type GuestRoutine = (...args: bigint[]) => bigint

export class FakeCpu implements Cpu {
  readonly guest = new Map<Gva, GuestRoutine>()
  readonly budget = { instructions: 0, stallNs: 0 }
  readonly workCount = 0
  readonly instructionCount = 0
  readonly returnAddress = gva(0n)
  rip = gva(0n)
  readonly currentRip = gva(0n)
  rflags = 2
  readonly mxcsr = 0x1f80
  cr3: Gpa = gpa(0)
  cr8 = 0
  gsBase = gva(0n)
  fsBase = gva(0n)
  readonly #machine: Machine
  readonly #kernel: KernelServices
  readonly #registers = new BigUint64Array(16)
  #trap: { base: Gva; handler: (slot: number) => bigint } | null = null
  #args: readonly bigint[] = []

  constructor(machine: Machine, kernel: KernelServices) {
    this.#machine = machine
    this.#kernel = kernel
  }

  decodeAt(): null {
    return null
  }

  /** Calls the import at `address`, as guest code does through its import table. */
  import(address: bigint, ...args: readonly (bigint | number)[]): bigint {
    const outer = this.#args
    this.#args = args.map(BigInt)
    try {
      return this.#trap!.handler(Number((address - this.#trap!.base) / 16n))
    } finally {
      this.#args = outer
    }
  }

  call(entry: Gva, args: readonly bigint[]): bigint {
    const routine = this.guest.get(entry)
    if (routine !== undefined) return routine(...args)
    throw new CpuStop({
      reason: 'pageFault',
      rip: entry,
      bytes: new Uint8Array(0),
      address: entry,
      access: 'execute',
      present: false,
    })
  }

  trap(base: Gva, _count: number, handler: (slot: number) => bigint): void {
    this.#trap = { base, handler }
  }

  argument(index: number): bigint {
    return this.#args[index] ?? 0n
  }

  readGpr(register: Gpr): bigint {
    return this.#registers[register]!
  }

  writeGpr(register: Gpr, value: bigint): void {
    this.#registers[register] = value
  }

  read(va: Gva, into: Uint8Array): number {
    return this.#pieces(va, into, (at, piece) => this.#machine.ram.read(at, piece))
  }

  write(va: Gva, from: Uint8Array): number {
    return this.#pieces(va, from, (at, piece) => this.#machine.ram.write(at, piece))
  }

  translate(va: Gva): Gpa | null {
    return this.#kernel.vaToGpa(va)
  }

  #pieces(va: Gva, bytes: Uint8Array, move: (at: Gpa, piece: Uint8Array) => void): number {
    let done = 0
    while (done < bytes.byteLength) {
      const at = gva(va + BigInt(done))
      const address = this.translate(at)
      if (address === null) break
      const length = Math.min(bytes.byteLength - done, 0x1000 - Number(at & 0xfffn))
      move(address, bytes.subarray(done, done + length))
      done += length
    }
    return done
  }

  onDeviceAccess(): void {}
  onInterval(): void {}
  onUnmask(): void {}
  onStop(): void {}
  charge(): void {}
  invalidate(): void {}
  /** Zeros: fake routines have no such registers. */
  xmm(): Uint8Array {
    return new Uint8Array(16)
  }
  run(): never {
    throw new Error('no instructions')
  }
  saveState(): never {
    throw new Error('no state')
  }
  restoreState(): never {
    throw new Error('no state')
  }

  close(): void {}
}

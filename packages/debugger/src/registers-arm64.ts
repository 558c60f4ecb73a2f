// The registers of ARM64 under the names that debuggers use: x0 to x28, fp, lr, sp, pc, psr, and the 32-bit views.
// Arm Architecture Reference Manual, section B1.2; PSTATE fields as SPSR_EL1 keeps them, section C5.2.
import { ContextArm64 } from '@dumpstack/nt'
import type { RegisterFile, RegistersFact } from './registers.ts'

const GENERAL_COUNT = 31
/** In the order in which they are shown. */
export const NAMES_ARM64 = [
  ...Array.from({ length: GENERAL_COUNT - 2 }, (_, index) => `x${index}`),
  'fp', 'lr', 'sp', 'pc',
] // biome-ignore format: one row
const LOW_32 = 0xffff_ffffn
export class RegistersArm64 implements RegisterFile {
  readonly #context: ContextArm64

  constructor(bytes: Uint8Array) {
    this.#context = ContextArm64.of(bytes.slice())
  }

  get ip(): bigint {
    return this.#context.pc
  }
  get sp(): bigint {
    return this.#context.sp
  }

  value(name: string): bigint | null {
    const lower = name.toLowerCase()
    switch (lower) {
      case 'sp':
        return this.sp
      case 'pc':
        return this.ip
      case 'fp':
        return this.#general(29)
      case 'lr':
        return this.#general(30)
      case 'psr':
      case 'cpsr':
        return BigInt(this.#context.cpsr)
      case 'fpcr':
        return BigInt(this.#context.fpcr)
      case 'fpsr':
        return BigInt(this.#context.fpsr)
      case 'xzr':
      case 'wzr':
        return 0n
    }
    const match = /^([xw])(0|[1-9]\d?)$/.exec(lower)
    const index = Number(match?.[2] ?? GENERAL_COUNT)
    if (match === null || index >= GENERAL_COUNT) return null
    return match[1] === 'x' ? this.#general(index) : this.#general(index) & LOW_32
  }

  digitsOf(name: string): number {
    return /^(w.*|c?psr|fpcr|fpsr)$/i.test(name) ? 8 : 16
  }

  fact(): RegistersFact {
    return {
      kind: 'registers',
      machine: 'ARM64',
      values: Object.fromEntries([...NAMES_ARM64, 'psr'].map((name) => [name, this.value(name)])),
    }
  }

  #general(index: number): bigint {
    if (index === 29) return this.#context.fp
    return index === 30 ? this.#context.lr : this.#context.x.get(index)
  }
}

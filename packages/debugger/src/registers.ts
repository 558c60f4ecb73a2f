// The register context that commands work on: CONTEXT of x64 under the names that debuggers use, with the narrower
// views of each register. Intel SDM vol. 1, 3.4.
import { ContextX64 } from '@dumpstack/nt'

const GENERAL = [
  'rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip',
] as const // biome-ignore format: one row
const SEGMENTS = { cs: 'segCs', ds: 'segDs', es: 'segEs', fs: 'segFs', gs: 'segGs', ss: 'segSs' } as const
const DEBUG = ['dr0', 'dr1', 'dr2', 'dr3', 'dr6', 'dr7'] as const

/** What commands need of any processor's registers. */
export interface RegisterFile {
  /** The address of the next instruction. */
  readonly ip: bigint
  readonly sp: bigint
  /** Null for a name that is no register. */
  value(name: string): bigint | null
  /** Hexadecimal digits of a register that there is. */
  digitsOf(name: string): number
  /** Every register that `r` shows. */
  fact(): RegistersFact
}

export type RegistersFact = {
  readonly kind: 'registers'
  readonly machine: 'x64' | 'ARM64'
  /** By the names that debuggers use; null for one that the source of the others does not hold. */
  readonly values: { readonly [name: string]: bigint | null }
}

export type GeneralRegister = (typeof GENERAL)[number]

interface Narrow {
  readonly of: GeneralRegister
  readonly shift: bigint
  readonly mask: bigint
}

const NARROW = narrowNames()

const ALL_KNOWN: ReadonlySet<number> = new Set()

export class Registers implements RegisterFile {
  readonly context: ContextX64
  /** General registers that the source of the others does not hold, such as the nonvolatile ones of a trap frame. */
  readonly unknown: ReadonlySet<number>

  constructor(context: ContextX64, unknown: ReadonlySet<number> = ALL_KNOWN) {
    this.context = context
    this.unknown = unknown
  }

  static of(bytes: Uint8Array, unknown?: ReadonlySet<number>): Registers {
    return new Registers(ContextX64.of(bytes), unknown)
  }

  /** A copy that can be changed without changing this one. */
  clone(): Registers {
    const { view, at } = this.context
    return Registers.of(
      new Uint8Array(view.buffer, view.byteOffset + at, ContextX64.size).slice(),
      this.unknown,
    )
  }

  get ip(): bigint {
    return this.context.rip
  }
  get sp(): bigint {
    return this.context.rsp
  }
  get rip(): bigint {
    return this.context.rip
  }
  get rsp(): bigint {
    return this.context.rsp
  }

  /** By the number that unwind codes and instructions use. */
  general(index: number): bigint {
    return this.context[GENERAL[index]!]
  }
  setGeneral(index: number, value: bigint): void {
    this.context[GENERAL[index]!] = value
  }

  #isUnknown(name: GeneralRegister): boolean {
    return this.unknown.has(GENERAL.indexOf(name))
  }

  /** Null for a name that is no register, and for a register whose value is unknown. */
  value(name: string): bigint | null {
    const lower = name.toLowerCase()
    if (isGeneral(lower)) return this.#isUnknown(lower) ? null : this.context[lower]
    const segment = Object.entries(SEGMENTS).find(([short]) => short === lower)
    if (segment !== undefined) return BigInt(this.context[segment[1]])
    if (lower === 'efl') return BigInt(this.context.eFlags)
    if (lower === 'mxcsr') return BigInt(this.context.mxCsr)
    const debug = DEBUG.find((candidate) => candidate === lower)
    if (debug !== undefined) return this.context[debug]
    const narrow = NARROW.get(lower)
    return narrow === undefined || this.#isUnknown(narrow.of)
      ? null
      : (this.context[narrow.of] >> narrow.shift) & narrow.mask
  }

  digitsOf(name: string): number {
    if (/^(r[a-z0-9]+[a-z0-9]|dr\d)$/.test(name) && !/^r\d+[dwb]$/.test(name)) return 16
    if (/^(e[a-z]{2}|efl|mxcsr|r\d+d)$/.test(name)) return 8
    if (/^([abcd][lh]|[sd]il|[sb]pl|r\d+b)$/.test(name)) return 2
    return 4
  }

  fact(): RegistersFact {
    const names = [...GENERAL, 'efl', ...Object.keys(SEGMENTS)]
    return {
      kind: 'registers',
      machine: 'x64',
      values: Object.fromEntries(names.map((name) => [name, this.value(name)])),
    }
  }
}

function isGeneral(name: string): name is GeneralRegister {
  return (GENERAL as readonly string[]).includes(name) // a wider element type only for the search
}

function narrowNames(): ReadonlyMap<string, Narrow> {
  const names = new Map<string, Narrow>()
  const add = (name: string, of: GeneralRegister, bits: number, shift = 0): void => {
    names.set(name, { of, shift: BigInt(shift), mask: (1n << BigInt(bits)) - 1n })
  }
  for (const register of GENERAL) {
    const rest = register.slice(1)
    if (/^\d/.test(rest)) {
      add(`${register}d`, register, 32)
      add(`${register}w`, register, 16)
      add(`${register}b`, register, 8)
      continue
    }
    add(`e${rest}`, register, 32)
    add(rest, register, 16)
    if (register === 'rip') continue
    if (rest.endsWith('x')) {
      add(`${rest[0]}l`, register, 8)
      add(`${rest[0]}h`, register, 8, 8)
    } else add(`${rest}l`, register, 8)
  }
  return names
}

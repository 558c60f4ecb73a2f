// One call of an export by guest code: its arguments, and what an export's routine needs to serve it.
import { type Gva, gva } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import type { Machine } from '@dumpstack/machine'
import type { KernelServices } from '../kernel-services.ts'
import type { GuestBlock, PortExports } from '../miniport.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { InitializationRefusal } from './init-data.ts'
import type { SysInstance } from './sys-instance.ts'

export interface ImportCall {
  readonly cpu: Cpu
  readonly machine: Machine
  readonly kernel: KernelServices
  readonly memory: GuestMemory
  readonly instance: SysInstance
  readonly port: PortExports
  /** HwDeviceExtension, the first argument of most port routines. */
  readonly extension: GuestBlock
  u64(index: number): bigint
  u32(index: number): number
  u8(index: number): number
  va(index: number): Gva
  /** Reads the driver's table; it becomes the one of this instance. */
  initialize(table: Gva, hwContext: bigint): number | InitializationRefusal
  /** KeBugCheckEx, called by the driver. */
  bugcheck(code: number, parameters: readonly [bigint, bigint, bigint, bigint]): never
}

/** Answers rax. */
export type ServeImport = (call: ImportCall) => bigint

export interface Export {
  /** How many arguments reports show. */
  readonly argumentCount: number
  readonly serve: ServeImport
  /** In instructions: what serving a call takes of the host at least. What hangs on its arguments is charged as it goes. */
  readonly work: number
}
export type ExportFamily = Readonly<Record<string, Export>>

/** A call of an export takes some 1 us, with its arguments as BigInt and the port behind it. */
const CALL_WORK = 40

export const exported = (argumentCount: number, serve: ServeImport, work = CALL_WORK): Export => ({
  argumentCount,
  serve,
  work,
})

export const TRUE = 1n
export const FALSE = 0n
export const NOTHING = 0n
export const asBoolean = (value: boolean): bigint => (value ? TRUE : FALSE)
export const addressOf = (block: { readonly va: Gva } | null): Gva => block?.va ?? gva(0n)

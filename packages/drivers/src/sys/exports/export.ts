// An export as guest code can import it: the routine that serves a call, and what a call costs.
import { type Gva, gva } from '@dumpstack/bytes'
import type { CallFrame } from '../call-frame.ts'

/** Answers rax. */
export type ServeImport = (call: CallFrame) => bigint

export interface Export {
  /** How many arguments reports show. */
  readonly argumentCount: number
  readonly serve: ServeImport
  /** In instructions: what serving a call takes of the host at least. What depends on its arguments is charged as it goes. */
  readonly work: number
}
export type ExportFamily = Readonly<Record<string, Export>>

/** A call of an export takes about 1 us, including its BigInt arguments and the work of the port. */
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

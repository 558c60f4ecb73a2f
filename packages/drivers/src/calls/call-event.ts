// What a record of calls says, event by event, in the order in which it happened.
import type { RegisterWindow } from '@dumpstack/machine'
import type { SysLife } from '../sys/sys-observer.ts'

export interface RecordedSite {
  readonly life: SysLife
  readonly irql: number
  /** The image in memory. */
  readonly module: string
  /** The entry point that the port called. */
  readonly routine: string
  /** Relative to the image; of a call, where it returns to. Null outside the image. */
  readonly rva: number | null
  /** By the PDB; null without one. */
  readonly symbol: string | null
}

/** `depth`: of how many calls the end is still to come. */
export type CallEvent =
  | {
      readonly kind: 'call'
      readonly site: RecordedSite
      readonly atNs: number
      readonly depth: number
      readonly name: string
      readonly args: readonly bigint[]
      /** Null: calls or accesses happen inside, `return` or `stop` follows. */
      readonly ended: { readonly tookNs: number; readonly result: bigint } | null
    }
  | {
      readonly kind: 'return' | 'stop'
      readonly site: RecordedSite
      readonly atNs: number
      readonly depth: number
      readonly name: string
      /** Null: it did not return to its caller. */
      readonly result: bigint | null
    }
  | {
      readonly kind: 'access'
      readonly site: RecordedSite
      readonly atNs: number
      readonly depth: number
      readonly direction: 'read' | 'write'
      readonly byteLength: number
      /** Null: the address is in no controller's window, and `offset` is the address. */
      readonly window: RegisterWindow | null
      readonly offset: number
      readonly value: bigint
    }
  /** What the bound of the record left out here. */
  | { readonly kind: 'gap'; readonly calls: number; readonly accesses: number }
  /** Totals of what happened, kept or not; missing where the run was killed. */
  | { readonly kind: 'end'; readonly calls: number; readonly accesses: number }

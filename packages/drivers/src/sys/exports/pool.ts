// Pool for a driver: what finding, mapping and clearing its pages takes of the host is charged before it is done.
import { type Gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { GuestBlock } from '../../miniport.ts'
import type { CallFrame } from '../call-frame.ts'

/** In instructions, measured: 2.5 us a page. */
const PAGE_WORK = 100

/** Null where there is none: in a dump, and for a driver that has too much already. */
export function allocatePool(call: CallFrame, extension: Gva, byteLength: number): GuestBlock | null {
  call.charge(PAGE_WORK)
  const block = call.port.allocatePool(call.instance.blockAt(extension), byteLength)
  if (block !== null) call.charge(Math.ceil(byteLength / PAGE_SIZE) * PAGE_WORK)
  return block
}

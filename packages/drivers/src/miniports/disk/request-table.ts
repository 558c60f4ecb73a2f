// The views of the SRBs that a miniport has seen, by address. Only guest RAM says which SRB a slot holds: code that
// overwrites the pointer there sends the miniport somewhere else, as it would a compiled one.
import { gva } from '@dumpstack/bytes'
import { ScsiRequestBlock } from '@dumpstack/nt'
import type { GuestBlock, PortExports } from '../../miniport.ts'
import type { ScsiRequest } from './scsi-request.ts'

const TWO_TO_32 = 0x1_0000_0000n

export class RequestTable<R extends ScsiRequest> {
  readonly #port: PortExports
  readonly #make: (srb: GuestBlock, extension: GuestBlock) => R
  readonly #byAddress = new Map<bigint, R>()
  #last: R | null = null
  #lastLow = 0
  #lastHigh = 0

  constructor(port: PortExports, make: (srb: GuestBlock, extension: GuestBlock) => R) {
    this.#port = port
    this.#make = make
  }

  of(srb: GuestBlock): R {
    if (this.#last?.block.va === srb.va) return this.#last
    let request = this.#byAddress.get(srb.va)
    if (request === undefined) {
      request = this.#make(srb, this.#port.getSrbExtension(srb))
      this.#byAddress.set(srb.va, request)
    }
    this.#last = request
    this.#lastLow = Number(srb.va % TWO_TO_32)
    this.#lastHigh = Number(srb.va / TWO_TO_32)
    return request
  }

  /** The SRB that the pointer in `view` at `offset` points to; faults where that is no memory. */
  pointedTo(view: DataView, offset: number): R {
    const isLast =
      view.getUint32(offset, true) === this.#lastLow && view.getUint32(offset + 4, true) === this.#lastHigh
    if (this.#last !== null && isLast) return this.#last
    const va = gva(view.getBigUint64(offset, true))
    return this.#byAddress.get(va) ?? this.of(this.#port.dereference(va, ScsiRequestBlock.size))
  }
}

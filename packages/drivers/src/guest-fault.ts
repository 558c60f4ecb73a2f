// A guest driver touched an address that is not mapped. It unwinds the driver's own code up to whoever called into it:
// the crash dump broker makes a second bugcheck of it, a running system has no handler.
import { type Gva, hex } from '@dumpstack/bytes'
import { DriversError } from './errors.ts'

export type FaultAccess = 'read' | 'write'

/** A driver wants to see memory at once whose pages do not follow each other in RAM; blocks are views of one piece of RAM. */
export class NotOneView extends DriversError {
  constructor(driver: string, va: Gva, byteLength: number) {
    const what = `${driver} dereferences ${hex(byteLength)} bytes at ${hex(va)} over pages that lie apart in RAM`
    super('NOT_ONE_VIEW', `${what}, which is not modelled: expected one page at a time`, {
      driver,
      va,
      byteLength,
    })
  }
}

export class GuestFault extends DriversError {
  readonly address: Gva
  readonly access: FaultAccess

  constructor(driver: string, access: FaultAccess, address: Gva) {
    super('GUEST_FAULT', `${driver} touched ${hex(address)}, which is not mapped (${access})`, {
      driver,
      access,
      address,
    })
    this.address = address
    this.access = access
  }
}

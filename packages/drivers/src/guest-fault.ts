// A guest driver touched an address that is not mapped. It unwinds the driver's own code up to whoever called into it:
// the crash dump broker makes a second bugcheck of it, a running system has no handler.
import { type Gva, hex } from '@dumpstack/bytes'
import { DriversError } from './errors.ts'

export type FaultAccess = 'read' | 'write'

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

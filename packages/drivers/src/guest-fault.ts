// A guest driver touched an address that is not mapped. It unwinds the driver's own code up to its caller:
// the crash dump broker makes a second bugcheck of it, a running system has no handler.
import { type ErrorFields, type Gpa, type Gva, hex } from '@dumpstack/bytes'
import type { Ram } from '@dumpstack/machine'
import type { Bugcheck } from '@dumpstack/nt'
import { DriversError } from './errors.ts'

export type FaultAccess = 'read' | 'write'

export const KMODE_EXCEPTION_NOT_HANDLED = 0x1e

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
  /** Null: it follows from address and access. */
  readonly bugcheck: Bugcheck | null

  constructor(
    driver: string,
    access: FaultAccess,
    address: Gva,
    executed: { readonly what: string; readonly bugcheck: Bugcheck | null } | null = null,
    code: 'GUEST_FAULT' | 'INIT_DISCARDED' = 'GUEST_FAULT',
  ) {
    const what = executed?.what ?? `touched ${hex(address)}, which is not mapped (${access})`
    super(code, `${driver} ${what}`, { driver, access, address })
    this.address = address
    this.access = access
    this.bugcheck = executed?.bugcheck ?? null
  }
}

/** The driver raised an exception by its code; nothing in it may have taken it. */
export class RaisedException extends GuestFault {
  readonly exceptionCode: number

  constructor(driver: string, address: Gva, exceptionCode: number, place: string) {
    const parameters = [BigInt(exceptionCode), address, 0n, 0n] as const
    super(driver, 'read', address, {
      what: `raised the exception ${hex(exceptionCode)} in ${place}, which no handler of it takes`,
      bugcheck: { code: KMODE_EXCEPTION_NOT_HANDLED, parameters },
    })
    this.exceptionCode = exceptionCode
  }
}

/**
 * Page tables lead where no RAM is, or to more tables than there can be. The kernel makes them right, and keeps them at addresses that drivers
 * can write: a driver did that, or its controller.
 */
export class PageTablesDamaged extends DriversError {
  constructor(what: string, fields: ErrorFields) {
    super('PAGE_TABLES_DAMAGED', `page tables are damaged: ${what}`, fields)
  }
}

/** What a port is to look at for a driver lies in RAM, whatever the page tables say. */
export function checkRam(ram: Ram, va: Gva, address: Gpa, byteLength: number): void {
  if (ram.has(address, byteLength)) return
  const what = `${hex(byteLength)} bytes at ${hex(va)} are at physical ${hex(address)}, where not all is RAM`
  throw new PageTablesDamaged(what, { va, address })
}

/** No fault of the driver: what it asks for, or is for, is not modelled, so it cannot be judged. */
export class NotJudged extends DriversError {
  constructor(
    code:
      | 'UNKNOWN_IMPORT'
      | 'INSTRUCTION_NOT_MODELLED'
      | 'ACCESS_NOT_MODELLED'
      | 'ADAPTER_NOT_FOUND'
      | 'NO_SUCH_DEVICE'
      | 'OTHER_MACHINE'
      | 'OTHER_PORT'
      | 'TOO_MANY_OBJECTS'
      | 'OBJECT_NOT_MODELLED',
    message: string,
    fields: ErrorFields = {},
  ) {
    super(code, message, fields)
  }
}

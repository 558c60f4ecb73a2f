// What the running instance leaves for the dump instance: where the HBA is and which port has the disk (DM-32, DM-35).
import { gva } from '@dumpstack/bytes'
import type { PortConfigurationInformation } from '@dumpstack/nt'
import type { PortExports } from '../../miniport.ts'
import { type AhciFacts, DUMP_CONTEXT_SIGNATURE, DumpContext } from './layouts.ts'

export function leaveDumpContext(context: DumpContext, facts: AhciFacts): void {
  context.signature = DUMP_CONTEXT_SIGNATURE
  context.portNumber = facts.portNumber
  context.deviceAndVendor = facts.deviceAndVendor
  context.abarLength = facts.abarLength
  context.abar = facts.abar
}

/** False without a context: the dump instance cannot work from the bus alone. */
export function takeDumpContext(
  port: PortExports,
  config: PortConfigurationInformation,
  facts: AhciFacts,
): boolean {
  if (config.miniportDumpData === 0n) return false
  const context = DumpContext.at(port.dereference(gva(config.miniportDumpData), DumpContext.size).view)
  if (context.signature !== DUMP_CONTEXT_SIGNATURE) return false
  facts.portNumber = context.portNumber
  facts.deviceAndVendor = context.deviceAndVendor
  facts.abarLength = context.abarLength
  facts.abar = context.abar
  return true
}

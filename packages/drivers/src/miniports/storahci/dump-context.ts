// What the running instance leaves for the dump instance: where the HBA is and which port has the disk (DM-32, DM-35).
import { gva } from '@dumpstack/bytes'
import type { PortConfigurationInformation } from '@dumpstack/nt'
import type { PortExports } from '../../miniport.ts'
import { type AdapterExtension, DUMP_CONTEXT_SIGNATURE, DumpContext } from './layouts.ts'

export function leaveDumpContext(context: DumpContext, extension: AdapterExtension): void {
  context.signature = DUMP_CONTEXT_SIGNATURE
  context.portNumber = extension.portNumber
  context.deviceAndVendor = extension.deviceAndVendor
  context.abarLength = extension.abarLength
  context.abar = extension.abar
}

/** False without a context: the dump instance cannot work from the bus alone. */
export function takeDumpContext(
  port: PortExports,
  config: PortConfigurationInformation,
  extension: AdapterExtension,
): boolean {
  if (config.miniportDumpData === 0n) return false
  const context = DumpContext.at(port.dereference(gva(config.miniportDumpData), DumpContext.size).view)
  if (context.signature !== DUMP_CONTEXT_SIGNATURE) return false
  extension.portNumber = context.portNumber
  extension.deviceAndVendor = context.deviceAndVendor
  extension.abarLength = context.abarLength
  extension.abar = context.abar
  return true
}

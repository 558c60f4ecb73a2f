// Which processors a session knows: what is done on x64 only says so for the others.
import { hex } from '@dumpstack/bytes'
import { IMAGE_FILE_MACHINE_AMD64, IMAGE_FILE_MACHINE_ARM64, machineName } from '@dumpstack/nt'
import { DebuggerError } from './errors.ts'

interface OfMachine {
  readonly system: { readonly machine: number }
}

export const isArm64 = ({ system }: OfMachine): boolean => system.machine === IMAGE_FILE_MACHINE_ARM64

/** Throws DebuggerError MACHINE_UNSUPPORTED. */
export function requireX64({ system: { machine } }: OfMachine): void {
  if (machine === IMAGE_FILE_MACHINE_AMD64) return
  throw new DebuggerError(
    'MACHINE_UNSUPPORTED',
    `stacks and code of ${machineName(machine) ?? `machine ${hex(machine)}`} are not read: those of x64 are, and registers of x64 and ARM64`,
    { machine },
  )
}

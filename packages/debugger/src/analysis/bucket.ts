// FAILURE_BUCKET_ID: the same for one fault on every machine, so that crashes can be counted. It has no address, and nothing
// that depends on where or in which order drivers were loaded: a place is an offset in an image, or a function.
import { type BugcheckDescription, bugcheckBase } from '@dumpstack/nt'
import type { Session } from '../session.ts'
import type { Culprit } from './culprit.ts'

/** `0x7E_c0000005_RTKVHD64+0x5d28`, `0x1A_402_memory_corruption`, `0xEA_atikmdag`. */
export function failureBucket(
  session: Session,
  description: BugcheckDescription | null,
  culprit: Culprit | null,
): string {
  const { bugcheckCode } = session.system
  const parts = [`0x${bugcheckBase(bugcheckCode).toString(16).toUpperCase()}`]
  // The kind of violation and the exception code tell faults apart; other parameters are addresses and the like.
  const first = description?.parameters[0]
  if (first?.kind === 'ntstatus') parts.push(BigInt.asUintN(32, first.value).toString(16))
  if (first?.kind === 'code') parts.push(first.value.toString(16))
  parts.push(culprit === null ? 'unknown' : (culprit.instead ?? place(culprit)))
  return parts.join('_')
}

function place({ module, address }: Culprit): string {
  if (module === null) return 'no_module'
  if (address === null) return module.name
  const near = module.symbols === null ? null : module.near(address)
  // The displacement in a function is left out: it differs from build to build.
  return near === null
    ? `${module.name}+0x${(address - module.base).toString(16)}`
    : `${module.name}!${near.name}`
}

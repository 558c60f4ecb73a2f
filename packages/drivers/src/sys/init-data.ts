// HW_INITIALIZATION_DATA as a compiled DriverEntry gives it to StorPortInitialize: read from guest memory as far as it says that it
// goes. 0x88 bytes in drivers for Windows 7, 0xd0 in later ones; a member beyond that does not exist.
import { type Gva, gva } from '@dumpstack/bytes'
import { HwInitializationDataLayout, SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK } from '@dumpstack/nt'
import type { GuestMemory } from './guest-memory.ts'

/** Up to and including HwBuildIo. */
const MIN_BYTES = 0x88

/** The routines whose address a miniport may give, by the kit's names. */
const ROUTINES = [
  'HwInitialize',
  'HwStartIo',
  'HwInterrupt',
  'HwFindAdapter',
  'HwResetBus',
  'HwAdapterControl',
  'HwBuildIo',
] as const
export type RoutineName = (typeof ROUTINES)[number] | 'DriverEntry'
const REQUIRED: readonly RoutineName[] = ['HwInitialize', 'HwStartIo', 'HwFindAdapter', 'HwResetBus']

const FIELDS = {
  HwInitialize: 'hwInitialize',
  HwStartIo: 'hwStartIo',
  HwInterrupt: 'hwInterrupt',
  HwFindAdapter: 'hwFindAdapter',
  HwResetBus: 'hwResetBus',
  HwAdapterControl: 'hwAdapterControl',
  HwBuildIo: 'hwBuildIo',
} as const satisfies Record<(typeof ROUTINES)[number], keyof HwInitializationDataLayout>

export interface GuestInitializationData {
  /** All fields; zero where the declared size does not reach. */
  readonly fields: HwInitializationDataLayout
  readonly routines: ReadonlyMap<RoutineName, Gva>
  readonly srbTypeFlags: number
}

/** What is wrong with the structure, for StorPortInitialize to answer. */
export type InitializationRefusal = 'size' | 'routine'

export function readInitializationData(
  memory: GuestMemory,
  va: Gva,
): GuestInitializationData | InitializationRefusal {
  const declared = memory.u32(va)
  if (declared < MIN_BYTES) return 'size'
  const bytes = new Uint8Array(HwInitializationDataLayout.size)
  memory.read(va, bytes.subarray(0, Math.min(declared, bytes.byteLength)))
  const fields = HwInitializationDataLayout.of(bytes)
  const routines = new Map<RoutineName, Gva>()
  for (const name of ROUTINES) {
    const address = fields[FIELDS[name]]
    if (address !== 0n) routines.set(name, gva(address))
  }
  if (REQUIRED.some((name) => !routines.has(name))) return 'routine'
  // A driver of before Windows 8 does not know the member.
  const srbTypeFlags = fields.srbTypeFlags === 0 ? SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK : fields.srbTypeFlags
  return { fields, routines, srbTypeFlags }
}

// KDDEBUGGER_DATA64 (nt!KdDebuggerDataBlock) and nt!KdVersionBlock as they must be when the kernel crashes. The image's own
// compiler wrote addresses, offsets and sizes; boot adds what only the running system knows, and checks the rest: a
// debugger relies on every one of these numbers.
import { type Gva, gva, hex } from '@dumpstack/bytes'
import { DbgkdGetVersion64, KDBG_TAG, KddebuggerData64, type KernelLayouts } from '@dumpstack/nt'
import { WindowsError } from '../errors.ts'
import type { AddressSpace } from './address-space.ts'
import type { KernelGlobals } from './kernel-globals.ts'
import type { KernelImage } from './loaded-images.ts'

/** Offsets and sizes by which boot lays structures; the image was compiled with its own declarations. */
function expectedOf({
  DEBUGGER_DATA_BYTES,
  Eprocess,
  Ethread,
  Kpcr,
  Kprcb,
  KprocessorState,
  Kprocess,
  Kthread,
}: KernelLayouts) {
  const processorState = Kprcb.fields.processorState.offset
  return {
    ownerTag: KDBG_TAG,
    size: DEBUGGER_DATA_BYTES,
    sizeEProcess: Eprocess.size,
    sizeEThread: Ethread.size,
    sizePrcb: Kprcb.size,
    sizePcr: Kpcr.size,
    offsetEprocessPeb: Eprocess.fields.peb.offset,
    offsetEprocessDirectoryTableBase: Eprocess.fields.pcb.offset + Kprocess.fields.directoryTableBase.offset,
    offsetKThreadKernelStack: Kthread.fields.kernelStack.offset,
    offsetKThreadInitialStack: Kthread.fields.initialStack.offset,
    offsetKThreadStackBase: Kthread.fields.stackBase.offset,
    offsetKThreadStackLimit: Kthread.fields.stackLimit.offset,
    offsetKThreadState: Kthread.fields.state.offset,
    offsetKThreadApcProcess: Kthread.fields.apcProcess.offset,
    offsetPrcbCurrentThread: Kprcb.fields.currentThread.offset,
    offsetPrcbIdleThread: Kprcb.fields.idleThread.offset,
    offsetPrcbNumber: Kprcb.fields.number.offset,
    offsetPrcbMhz: Kprcb.fields.mhz.offset,
    offsetPrcbContext: Kprcb.fields.context.offset,
    offsetPrcbProcStateSpecialReg: processorState,
    offsetPrcbProcStateContext: processorState + KprocessorState.fields.contextFrame.offset,
    offsetPcrSelfPcr: Kpcr.fields.self.offset,
    offsetPcrCurrentPrcb: Kpcr.fields.currentPrcb.offset,
    offsetPcrContainedPrcb: Kpcr.fields.prcb.offset,
  } satisfies Partial<Record<keyof KddebuggerData64, number>>
}

/** Fields that hold the address of the variable beside them. */
const ADDRESSES = {
  psLoadedModuleList: 'PsLoadedModuleList',
  psActiveProcessHead: 'PsActiveProcessHead',
  kiBugcheckData: 'KiBugCheckData',
  mmPfnDatabase: 'MmPfnDatabase',
  kiProcessorBlock: 'KiProcessorBlock',
  mmUnloadedDrivers: 'MmUnloadedDrivers',
  mmLastUnloadedDriver: 'MmLastUnloadedDriver',
  mmPhysicalMemoryBlock: 'MmPhysicalMemoryBlock',
} as const

export interface DebuggerDataOptions {
  readonly layouts: KernelLayouts
  readonly space: AddressSpace
  readonly kernel: KernelImage
  readonly globals: KernelGlobals
  readonly pteBase: Gva
}

/** Throws WindowsError KDBG_WRONG where the image's own block contradicts the layouts that this room uses. */
export function completeDebuggerData(options: DebuggerDataOptions): void {
  const { space, kernel, globals } = options
  const va = globals.address('KdDebuggerDataBlock')
  const bytes = space.read(va, KddebuggerData64.size)
  const block = KddebuggerData64.of(bytes)
  const expected = expectedOf(options.layouts)
  for (const field of Object.keys(expected) as (keyof typeof expected)[]) {
    check(kernel, field, BigInt(block[field]), BigInt(expected[field])) // keys of this object
  }
  for (const [field, name] of Object.entries(ADDRESSES)) {
    check(kernel, field, block[field as keyof typeof ADDRESSES], globals.address(name)) // keys of ADDRESSES are fields
  }
  check(kernel, 'list.flink', block.list.flink, globals.address('KdpDebuggerDataListHead'))
  check(kernel, 'kernBase', block.kernBase, kernel.base)
  const { pteBase } = KddebuggerData64.fields
  // added in Windows 10: what an older kernel has there is no part of its block
  if (pteBase.offset < block.size) space.setU64(gva(va + BigInt(pteBase.offset)), options.pteBase)
  const version = DbgkdGetVersion64.of(space.read(globals.address('KdVersionBlock'), DbgkdGetVersion64.size))
  check(kernel, 'KdVersionBlock.kernBase', version.kernBase, kernel.base)
}

function check(kernel: KernelImage, field: string, found: bigint, expected: bigint): void {
  if (found === expected) return
  throw new WindowsError(
    'KDBG_WRONG',
    `KdDebuggerDataBlock.${field} of ${kernel.nameOnDisk} is ${hex(found)}, expected ${hex(expected)}`,
    { field, found, expected },
  )
}

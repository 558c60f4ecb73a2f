// What RAM taken from outside says of the crash in it: read through the page tables that the dump's header names, never from the
// dump's own pages.
import { type Gva, gva, hex, PAGE_SIZE, type PageRun, type PhysicalSpace, pfn } from '@dumpstack/bytes'
import { type DumpHeader, PhysicalVirtualSpace, readKdbg, readU64 } from '@dumpstack/dumpfile'
import {
  type Bugcheck,
  ContextX64,
  IMAGE_FILE_MACHINE_AMD64,
  type KddebuggerData64,
  MAX_PROCESSORS,
  PhysicalMemoryDescriptor64,
  PhysicalMemoryRun64,
} from '@dumpstack/nt'
import { bugcheckText } from '../checks/check.ts'

export interface KernelInRam {
  readonly space: PhysicalVirtualSpace
  readonly kdbg: KddebuggerData64
}

export interface OutsideRam {
  readonly ram: PhysicalSpace
  /** The same machine at another time between the crash and the end of the dump. */
  readonly second: PhysicalSpace | null
  readonly kernel: KernelInRam
}

/** Bit 28 of a bugcheck code: a variant, which not every place that holds the code has. */
const CODE_VARIANT = 0x1000_0000
/** Firmware maps of thousands of runs exist. */
const MAX_RUNS = 0x10000

/** A text says why the RAM cannot be taken for that of the dump's crash. */
export function kernelInRam(header: DumpHeader, ram: readonly PhysicalSpace[]): KernelInRam | string {
  if (header.machine !== IMAGE_FILE_MACHINE_AMD64)
    return 'page tables of its processor are not read, only those of x64'
  const spaces = ram.map((memory) => new PhysicalVirtualSpace(memory, header.directoryTableBase))
  const [space, kdbg] = firstKernel(header.kdDebuggerDataBlock, spaces)
  if (space === null || kdbg === null) {
    return (
      `no KDDEBUGGER_DATA64 at ${hex(header.kdDebuggerDataBlock)} through the page tables at ${hex(header.directoryTableBase)}: ` +
      'it is that of another boot, was taken before Windows began to write the dump, or is a flat file that leaves out the hole below 4 GiB'
    )
  }
  const expected: Bugcheck = { code: header.bugcheckCode, parameters: header.bugcheckParameters }
  for (const each of spaces) {
    const found = bugcheckIn(each, kdbg)
    if (found === null || sameCrash(found, expected)) continue
    return `its bugcheck is ${bugcheckText(found)}, that of the dump's header is ${bugcheckText(expected)}: it is not that of this crash`
  }
  return { space, kdbg }
}

/** Until Windows begins to write the dump, the block is encoded: of two files only the later need have it. */
function firstKernel(at: Gva, spaces: readonly PhysicalVirtualSpace[]) {
  for (const space of spaces) {
    const kdbg = readKdbg(at, space)
    if (kdbg !== null) return [space, kdbg] as const
  }
  return [null, null] as const
}

function bugcheckIn(space: PhysicalVirtualSpace, { kiBugcheckData }: KddebuggerData64): Bugcheck | null {
  const bytes = new Uint8Array(40)
  if (space.read(gva(kiBugcheckData), bytes) < bytes.byteLength) return null
  const [code, a, b, c, d] = new BigUint64Array(bytes.buffer)
  return { code: Number(code! & 0xffff_ffffn), parameters: [a!, b!, c!, d!] } // 32 bits
}

const sameCrash = (one: Bugcheck, other: Bugcheck): boolean =>
  (one.code | CODE_VARIANT) === (other.code | CODE_VARIANT) &&
  one.parameters.every((parameter, index) => parameter === other.parameters[index])

/** nt!MmPhysicalMemoryBlock: the pages that Windows takes for RAM. Null where it cannot be read or is not sound. */
export function physicalMemory({ space, kdbg }: KernelInRam): PageRun[] | null {
  const block = readU64(space, gva(kdbg.mmPhysicalMemoryBlock))
  if (block === null) return null
  const head = new Uint8Array(PhysicalMemoryDescriptor64.size)
  if (space.read(gva(block), head) < head.byteLength) return null
  const { numberOfRuns } = PhysicalMemoryDescriptor64.of(head)
  if (numberOfRuns > MAX_RUNS) return null
  const bytes = new Uint8Array(numberOfRuns * PhysicalMemoryRun64.size)
  if (space.read(gva(block + BigInt(head.byteLength)), bytes) < bytes.byteLength) return null
  const runs: PageRun[] = []
  let end = 0n
  for (let at = 0; at < bytes.byteLength; at += PhysicalMemoryRun64.size) {
    const { basePage, pageCount } = PhysicalMemoryRun64.of(bytes, at)
    if (basePage < end || basePage + pageCount > 2n ** 40n) return null
    end = basePage + pageCount
    runs.push({ basePage: pfn(Number(basePage)), pageCount: Number(pageCount) }) // both are below 2^40
  }
  return runs
}

export interface Place {
  readonly start: bigint
  readonly end: bigint
  readonly what: string
}

/** KERNEL_STACK_SIZE of x64. */
const STACK_BYTES = 0x6000n

/** Per-processor areas and the stacks that the processors stopped on: Windows goes on to use them while it writes the dump. */
export function processorPlaces({ space, kdbg }: KernelInRam, count: number): Place[] {
  const places: Place[] = []
  for (let number = 0; number < Math.min(count, MAX_PROCESSORS); number++) {
    const prcb = readU64(space, gva(kdbg.kiProcessorBlock + BigInt(number * 8)))
    if (prcb === null || prcb === 0n) continue
    const start = prcb - BigInt(kdbg.offsetPcrContainedPrcb)
    places.push({ start, end: prcb + BigInt(kdbg.sizePrcb), what: `KPCR of processor ${number}` })
    if (kdbg.offsetPrcbProcStateContext === 0) continue // debugger data of an older kernel does not say where
    const rspAt = BigInt(kdbg.offsetPrcbProcStateContext + ContextX64.fields.rsp.offset)
    const rsp = readU64(space, gva(prcb + rspAt))
    if (rsp === null || rsp === 0n) continue
    const what = `stack of processor ${number}`
    places.push({ start: rsp - STACK_BYTES, end: rsp + BigInt(PAGE_SIZE), what })
  }
  return places
}

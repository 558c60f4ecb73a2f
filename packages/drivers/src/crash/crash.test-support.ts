// A crashed test machine: running stack, page file in pieces, writes in flight; and a plan of header and pages of our own.
import { gpa, type PageRun, PageSet, pagesInRuns, pfn } from '@dumpstack/bytes'
import type { DumpExtent, DumpPlan } from '@dumpstack/dumpfile'
import { ahci, type ControllerModel } from '@dumpstack/machine'
import { controllerDrivers, type Profile, win10_19041 } from '@dumpstack/nt'
import type { DumpFilterImage } from '../dump-filter.ts'
import type { DumpPortImage } from '../dump-port.ts'
import type { CrashDumpStack, DumpWriteReport, PageFileExtent } from '../dump-stack.ts'
import { type TestMachine, type TestMachineOptions, testMachine } from '../fake-kernel.test-support.ts'
import type { MiniportImage } from '../miniport.ts'
import { miniportNamed } from '../miniports/index.ts'
import { startRuntimeStack } from '../runtime/start-runtime-stack.ts'
import type { RuntimeStack } from '../runtime-stack.ts'
import { loadCrashDumpStack } from './load-crash-dump-stack.ts'

export const PARTITION_OFFSET = 0x100000
export const EXTENTS: readonly PageFileExtent[] = [
  { fileOffset: 0, partitionOffset: 0x1800000, byteLength: 0x6000 },
  { fileOffset: 0x6000, partitionOffset: 0x0600000, byteLength: 0x7d000 },
  { fileOffset: 0x83000, partitionOffset: 0x2000000, byteLength: 0x1000000 },
]
const HEADER_BYTES = 0x2000
const REQUIRED_DUMP_SPACE = 0xfa0

/** Header, the pages of `runs` in order, the header again. */
export function testPlan(runs: readonly PageRun[]): DumpPlan {
  const byteLength = HEADER_BYTES + pagesInRuns(runs) * 4096
  const header = (mark: number): Uint8Array => {
    const bytes = new Uint8Array(HEADER_BYTES).fill(mark)
    new DataView(bytes.buffer).setBigUint64(REQUIRED_DUMP_SPACE, BigInt(byteLength), true)
    return bytes
  }
  return {
    byteLength,
    requiredByteLength: byteLength,
    promised: PageSet.ofRuns(runs, 0x200000),
    truncated: false,
    *extents(): Generator<DumpExtent> {
      yield { at: 0, bytes: header(0x11) }
      let at = HEADER_BYTES
      for (const run of runs) {
        yield { at, pfn: run.basePage, pageCount: run.pageCount }
        at += run.pageCount * 4096
      }
      yield { at: 0, bytes: header(0x22) }
    },
  }
}

export const run = (basePage: number, pageCount: number): PageRun => ({ basePage: pfn(basePage), pageCount })
export const BODY: readonly PageRun[] = [run(0x40, 0x20), run(0x900, 0x100), run(0x100000, 0x100)]

export interface CrashOptions {
  /** `ahci` unless it is said; the miniports are those that the profile gives it, unless they are said. */
  readonly model?: ControllerModel
  readonly settings?: TestMachineOptions['settings']
  readonly miniport?: MiniportImage
  readonly runtimeMiniport?: MiniportImage
  readonly port?: DumpPortImage
  /** What a check asks beside the dump. */
  readonly probes?: boolean
  readonly filter?: DumpFilterImage
  readonly profile?: Profile
  readonly logicalSectorBytes?: 512 | 4096
  readonly diskBytes?: number
  readonly bdf?: number
  readonly extents?: readonly PageFileExtent[]
  readonly writesInFlight?: number
  /** What else the running system has in flight. */
  readonly inFlight?: (runtime: RuntimeStack) => void
  /** Between the load of the stack and the crash. */
  readonly before?: (test: TestMachine) => void
}

export interface Crashed extends TestMachine {
  readonly stack: CrashDumpStack
  readonly runtime: RuntimeStack
}

/** Boots, loads the stack, leaves writes in flight and crashes. */
export function crash(options: CrashOptions = {}): Crashed {
  const test = testMachine({
    model: options.model ?? ahci,
    ...(options.settings && { settings: options.settings }),
    logicalSectorBytes: options.logicalSectorBytes ?? 512,
    ...(options.diskBytes && { diskBytes: options.diskBytes }),
    ...(options.bdf && { bdf: options.bdf }),
  })
  const { machine, kernel, controller } = test
  const profile = options.profile ?? win10_19041
  const good = (): MiniportImage => miniportNamed(controllerDrivers(profile, controller.model.kind).miniport)
  const runtime = startRuntimeStack({
    machine,
    kernel,
    controller,
    miniport: options.runtimeMiniport ?? good(),
  })
  const stack = loadCrashDumpStack({
    machine,
    kernel,
    profile,
    runtime,
    miniport: options.miniport ?? good(),
    ...(options.port && { port: options.port }),
    ...(options.filter && { filter: options.filter }),
    probes: options.probes ?? false,
  })
  stack.setPageFile(options.extents ?? EXTENTS, PARTITION_OFFSET)
  for (let i = 0; i < (options.writesInFlight ?? 0); i++) {
    runtime.write(i * 0x10000, gpa(0x100000000), 0x10000)
  }
  options.inFlight?.(runtime)
  options.before?.(test)
  runtime.freeze()
  machine.interruptsEnabled = false
  machine.checkpoint()
  return { ...test, stack, runtime }
}

export function writeDump(stack: CrashDumpStack, plan: DumpPlan): DumpWriteReport {
  const writing = stack.write(plan)
  for (;;) {
    const step = writing.next()
    if (step.done === true) return step.value
  }
}

/** The dump's bytes as they lie on the disk, joined over the extents. */
export function bytesOnDisk(test: TestMachine, byteLength: number, extents = EXTENTS): Uint8Array {
  const bytes = new Uint8Array(byteLength)
  for (const extent of extents) {
    const length = Math.min(extent.byteLength, byteLength - extent.fileOffset)
    if (length <= 0) break
    const part = bytes.subarray(extent.fileOffset, extent.fileOffset + length)
    test.image.read(PARTITION_OFFSET + extent.partitionOffset, part)
  }
  return bytes
}

/** The dump's bytes as the plan has them. */
export function bytesOfPlan(test: TestMachine, plan: DumpPlan): Uint8Array {
  const bytes = new Uint8Array(plan.byteLength)
  for (const extent of plan.extents()) {
    if ('bytes' in extent) bytes.set(extent.bytes, extent.at)
    else {
      const part = bytes.subarray(extent.at, extent.at + extent.pageCount * 4096)
      test.machine.ram.read(gpa(extent.pfn * 4096), part)
    }
  }
  return bytes
}

// A dump of the moment in which a driver file ended its dump, by a bugcheck of its own, a hang or a failure: all of RAM, with the registers
// of the driver's code, for a debugger. The host writes it, since nothing of the system runs any more.
import { gpa, PAGE_SIZE } from '@dumpstack/bytes'
import type { CodeStop } from '@dumpstack/drivers'
import { DumpHeader64, planDump } from '@dumpstack/dumpfile'
import { type Bugcheck, HeaderDumpType } from '@dumpstack/nt'
import type { BootedKernel } from '../boot/contract.ts'
import type { HostFile } from '../volume/host-folder.ts'

const YIELD_BYTES = 16 * 2 ** 20

export interface StoppedSystem {
  readonly kernel: BootedKernel
  /** The second bugcheck, or the one that the system was stopped with. */
  readonly bugcheck: Bugcheck
  readonly code: CodeStop
}

/** How the comment in each header begins: debuggers show it, and it tells the file from other dumps. */
const SECOND_CRASH_COMMENT = 'dumpstack second crash: '

export interface SecondCrashDump {
  readonly byteLength: number
  /** To be called before anything runs again. Yields the bytes written so far, at least every 16 MiB. */
  write(file: Pick<HostFile, 'write'>): Generator<number, void>
}

export function secondCrashDump({ kernel, bugcheck, code }: StoppedSystem): SecondCrashDump {
  const { facts, memory } = kernel.stoppedNow(bugcheck, code)
  const plan = planDump({
    dumpType: HeaderDumpType.full, // what every reader knows
    facts,
    promised: kernel.promised('full'),
    fileByteLength: Number.MAX_SAFE_INTEGER, // a file of the host
  })
  return {
    byteLength: plan.byteLength,
    *write(file) {
      let buffer = new Uint8Array(0)
      let written = 0
      let nextYield = YIELD_BYTES
      for (const extent of plan.extents()) {
        if ('bytes' in extent) {
          if (extent.at === 0) comment(extent.bytes, `${SECOND_CRASH_COMMENT}${code.driver}`)
          file.write(extent.at, extent.bytes)
          continue
        }
        const byteLength = extent.pageCount * PAGE_SIZE
        if (buffer.byteLength < byteLength) buffer = new Uint8Array(byteLength)
        const pages = buffer.subarray(0, byteLength)
        memory.read(gpa(extent.pfn * PAGE_SIZE), pages)
        file.write(extent.at, pages)
        written += byteLength
        if (written < nextYield) continue
        yield written
        nextYield = written + YIELD_BYTES
      }
    },
  }
}

/** In as many ASCII characters as there are, with a zero after them. */
function comment(header: Uint8Array, text: string): void {
  const { byteLength } = DumpHeader64.fields.comment
  const bytes = new Uint8Array(byteLength)
  bytes.set(new TextEncoder().encode(text.replace(/[^ -~]/g, '?').slice(0, byteLength - 1)))
  DumpHeader64.of(header).comment = bytes
}

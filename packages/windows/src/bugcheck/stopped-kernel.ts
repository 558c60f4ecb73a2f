// The system as a bugcheck of this moment would leave it, whatever ran: facts for a header, and RAM with what KeBugCheckEx records in it. Guest
// RAM stays as it is.
import { type Gpa, gpa, gva, PAGE_SIZE, type PageRun, type PhysicalSpace } from '@dumpstack/bytes'
import type { DumpFacts } from '@dumpstack/dumpfile'
import type { Bugcheck } from '@dumpstack/nt'
import type { StoppedKernel } from '../boot/contract.ts'
import type { KernelState } from '../boot/kernel-state.ts'
import { dumpFactsOf } from './crash.ts'

/** `cpu` is the processor that ran the code. */
export function stoppedKernel(
  state: KernelState,
  cpu: number,
  bugcheck: Bugcheck,
  stopped: Pick<DumpFacts, 'contextRecord' | 'exceptionRecord' | 'directoryTableBase'>,
): StoppedKernel {
  const { globals, processors, memory, profile } = state
  const { kprcb, context } = processors[cpu]!
  const { Kprcb, KprocessorState } = profile.layouts
  const patched = new PatchedRam(memory.ram)
  const patch = (address: bigint, bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.byteLength; ) {
      const place = memory.tables.translate(gva(address + BigInt(done)))
      const length = Math.min(
        bytes.byteLength - done,
        PAGE_SIZE - Number((address + BigInt(done)) % BigInt(PAGE_SIZE)),
      )
      if (place !== null) patched.add(place, bytes.subarray(done, done + length))
      done += length
    }
  }
  patch(globals.address('KiBugCheckData'), quads([BigInt(bugcheck.code), ...bugcheck.parameters]))
  patch(context, stopped.contextRecord)
  const { offset } = KprocessorState.fields.contextFrame
  patch(kprcb + BigInt(Kprcb.fields.processorState.offset + offset), stopped.contextRecord)
  return { facts: dumpFactsOf(state, bugcheck, stopped), memory: patched }
}

function quads(values: readonly bigint[]): Uint8Array {
  return new Uint8Array(new BigUint64Array(values).buffer)
}

class PatchedRam implements PhysicalSpace {
  readonly #ram: PhysicalSpace
  readonly #patches: { readonly at: number; readonly bytes: Uint8Array }[] = []

  constructor(ram: PhysicalSpace) {
    this.#ram = ram
  }

  get runs(): readonly PageRun[] {
    return this.#ram.runs
  }

  add(at: Gpa, bytes: Uint8Array): void {
    this.#patches.push({ at, bytes })
  }

  read(address: Gpa, into: Uint8Array): number {
    const done = this.#ram.read(gpa(address), into)
    for (const { at, bytes } of this.#patches) {
      const from = Math.max(at, address)
      const end = Math.min(at + bytes.byteLength, address + done)
      if (from < end) into.set(bytes.subarray(from - at, end - at), from - address)
    }
    return done
  }
}

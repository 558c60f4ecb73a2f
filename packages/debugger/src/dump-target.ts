// A crash dump as the target of a session: processors by their PRCBs, found through the debugger data, and the registers that
// each had; a minidump keeps the PRCB, thread and process of the crash apart from its memory.
import { type ByteSource, type Gpa, type Gva, gva, hex64, type PhysicalSpace } from '@dumpstack/bytes'
import {
  type Dump,
  DumpHeader64,
  openDump,
  PAGE_FILL_32,
  PAGE_FILL_64,
  readKdbg,
  readModulesAsFarAsPossible,
  type VirtualSpace,
} from '@dumpstack/dumpfile'
import {
  ContextArm64,
  ContextX64,
  HeaderDumpType,
  IMAGE_FILE_MACHINE_ARM64,
  type KddebuggerData64,
  MAX_PROCESSORS,
  prcbNumber,
} from '@dumpstack/nt'
import type { DebugTarget, Processor, TargetModules, TargetSystem } from './debug-target.ts'
import { DebuggerError } from './errors.ts'
import { TargetMemory } from './memory.ts'
import { type RegisterFile, Registers } from './registers.ts'
import { RegistersArm64 } from './registers-arm64.ts'

const KINDS: Readonly<Record<number, string>> = {
  [HeaderDumpType.full]: 'Kernel Complete Dump File: Full address space is available',
  [HeaderDumpType.triage]: 'Mini Kernel Dump File: Only registers and stack trace are available',
  [HeaderDumpType.bitmapFull]: 'Kernel Bitmap Dump File: Full address space is available',
  [HeaderDumpType.bitmapKernel]:
    'Kernel Bitmap Dump File: Kernel address space is available, User address space may not be available.',
}
/** DUMP_HEADER64.MajorVersion of a checked build. */
const CHECKED_BUILD = 0xc

export class DumpTarget implements DebugTarget {
  readonly dump: Dump
  readonly description: readonly string[]
  readonly system: TargetSystem
  readonly kdbg: KddebuggerData64 | null
  readonly processors: readonly Processor[]
  readonly currentProcessor: number
  readonly current: DebugTarget['current']
  readonly exception: RegisterFile | null
  readonly physical: PhysicalSpace | null
  readonly damage: readonly string[]
  readonly #memory: TargetMemory

  /** `fileName` is as the user named it. Throws DumpError for a file that is no readable dump. */
  constructor(source: ByteSource, fileName: string) {
    this.dump = openDump(source)
    const { header, triage } = this.dump
    this.description = [`Loading Dump File [${fileName}]`, KINDS[header.dumpType]!]
    const raw = DumpHeader64.of(this.dump.headerBytes)
    const set = (word: number): number | null => (word === PAGE_FILL_32 ? null : word)
    this.system = {
      ...header,
      isCheckedBuild: raw.majorVersion === CHECKED_BUILD,
      productType: set(raw.productType),
      suiteMask: set(raw.suiteMask),
    }
    this.physical = this.dump.physical ?? null
    this.damage = triage?.damage.map(({ message }) => message) ?? []
    this.#memory = new TargetMemory(this.dump.virtual())
    this.kdbg = readKdbg(header.kdDebuggerDataBlock, this.#memory.space)
    const kept = this.#keptProcessor()
    this.processors = this.#readProcessors(kept)
    this.current = {
      thread: triage?.thread?.address ?? null,
      process: triage?.process?.address ?? null,
      stack: triage?.callStack?.address ?? null,
    }
    const context = this.#headerContext()
    this.exception = context === null ? null : this.#registersOf(context)
    this.currentProcessor = kept?.number ?? this.#processorOf(context)
  }

  virtual(dtb?: Gpa): VirtualSpace {
    return this.dump.virtual(dtb)
  }

  modules(): TargetModules {
    const { modules, damage } = readModulesAsFarAsPossible(this.dump)
    return { ...modules, damage: damage?.message ?? null }
  }

  /** Those that the PRCB points to, or, for the crash, those in the header. */
  registers(number: number): RegisterFile {
    const processor = this.processors.find((candidate) => candidate.number === number)
    const { byteLength } = this.#layout
    if (processor?.contextAddress != null) {
      const bytes = this.#memory.available(processor.contextAddress, byteLength)
      if (bytes.byteLength === byteLength && this.#isSet(bytes)) return this.#registersOf(bytes)
    }
    if (processor !== undefined && number !== this.currentProcessor) {
      const place = processor.prcb === null ? '' : ` (PRCB at ${hex64(processor.prcb)})`
      throw new DebuggerError(
        'CONTEXT_ABSENT',
        `the registers of processor ${number} are not in the dump${place}`,
      )
    }
    const kept = this.#headerContext()
    if (kept === null) {
      throw new DebuggerError('CONTEXT_ABSENT', 'neither a PRCB nor the header of the dump holds registers')
    }
    return this.#registersOf(kept)
  }

  #readProcessors(kept: Processor | null): Processor[] {
    const { kdbg } = this
    if (kdbg === null) return []
    const memory = this.#memory
    const processors: Processor[] = []
    const count = Math.min(this.system.processorCount, MAX_PROCESSORS)
    const field = (prcb: bigint, offset: number): Gva | null => {
      const value = offset === 0 ? null : memory.tryU64(prcb + BigInt(offset))
      return value === null || value === 0n ? null : gva(value)
    }
    for (let number = 0; number < count; number++) {
      const prcb = memory.tryU64(kdbg.kiProcessorBlock + BigInt(number * 8))
      if (prcb === null || prcb === 0n) continue
      processors.push({
        number,
        prcb: gva(prcb),
        contextAddress: field(prcb, kdbg.offsetPrcbContext),
        currentThread: field(prcb, kdbg.offsetPrcbCurrentThread),
      })
    }
    if (kept !== null && !processors.some(({ number }) => number === kept.number)) processors.push(kept)
    return processors
  }

  /** The processor of the crash, whose PRCB a minidump keeps apart from its memory; null for other dumps. */
  #keptProcessor(): Processor | null {
    const { kdbg } = this
    const { prcb, thread } = this.dump.triage ?? { prcb: null, thread: null }
    if (kdbg === null || prcb === null) return null
    const bytes = new Uint8Array(prcb.byteLength)
    const view = new DataView(bytes.buffer, 0, this.dump.source.read(prcb.offset, bytes))
    const { offsetPrcbNumber, offsetPrcbContext } = kdbg
    if (offsetPrcbNumber === 0 || offsetPrcbNumber + 4 > view.byteLength) return null
    const number = prcbNumber(new DataView(bytes.buffer, offsetPrcbNumber, 4), kdbg)
    if (number >= MAX_PROCESSORS) return null
    const hasContext = offsetPrcbContext !== 0 && offsetPrcbContext + 8 <= view.byteLength
    const context = hasContext ? view.getBigUint64(offsetPrcbContext, true) : 0n
    return {
      number,
      prcb: prcb.address,
      contextAddress: context === 0n ? null : gva(context),
      currentThread: thread?.address ?? null,
    }
  }

  /** The processor whose registers the header repeats; else the first. */
  #processorOf(header: Uint8Array | null): number {
    const { rip, rsp } = ContextX64.fields
    const same = this.processors.find(({ contextAddress }) => {
      if (contextAddress === null || header === null) return false
      const repeats = (field: { offset: number }) =>
        this.#memory.tryU64(contextAddress + BigInt(field.offset)) === u64At(header, field.offset)
      return repeats(rip) && repeats(rsp)
    })
    return same?.number ?? this.processors[0]?.number ?? 0
  }

  /** A copy of ContextRecord of the dump header, the registers of the exception; null where it was never set. */
  #headerContext(): Uint8Array | null {
    const kept = DumpHeader64.of(this.dump.headerBytes).contextRecord.slice(0, this.#layout.byteLength)
    return this.#isSet(kept) ? kept : null
  }

  /** CONTEXT of the dump's processor: its length, and where the address of the next instruction lies. */
  get #layout(): { readonly byteLength: number; readonly ip: number } {
    return this.#isArm64
      ? { byteLength: ContextArm64.size, ip: ContextArm64.fields.pc.offset }
      : { byteLength: ContextX64.size, ip: ContextX64.fields.rip.offset }
  }

  get #isArm64(): boolean {
    return this.system.machine === IMAGE_FILE_MACHINE_ARM64
  }

  /** An instruction pointer of zeros or of the header's fill PAGE was never set (docs/formats/crash-dump.md, section 2). */
  #isSet(context: Uint8Array): boolean {
    const ip = u64At(context, this.#layout.ip)
    return ip !== 0n && ip !== PAGE_FILL_64
  }

  #registersOf(context: Uint8Array): RegisterFile {
    return this.#isArm64 ? new RegistersArm64(context) : Registers.of(context)
  }
}

const u64At = (bytes: Uint8Array, offset: number): bigint =>
  new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset, true)

// A system under test for tests of the test: remembers what it was asked, keeps its own clock, and serves dump bytes
// that it is given.
import { gpa, MemorySource } from '@dumpstack/bytes'
import type { Bugcheck } from '@dumpstack/nt'
import {
  type CrashReport,
  DumpOpenError,
  type DumpType,
  type Evidence,
  type OpenedDump,
  type Progress,
  type SystemEvent,
  type Target,
  type TargetConditions,
  type TargetDescription,
} from '@dumpstack/target'
import { allPages, FAKE_SEED, FakeRam, pageSetOf } from './fake-ram.test-support.ts'

export const FAKE_START = Date.UTC(2024, 0, 1)
const BUGCHECK: Bugcheck = { code: 0xe2, parameters: [1n, 2n, 3n, 4n] }
const SECOND_BUGCHECK: Bugcheck = { code: 0xd1, parameters: [0n, 0xffn, 0n, 0n] }
const MEMORY_DMP = 'C:\\Windows\\MEMORY.DMP'

export interface FakeTargetOptions {
  readonly conditions?: TargetConditions
  readonly description?: Partial<TargetDescription>
  readonly evidence?: Partial<Evidence>
  /** The bytes of MEMORY.DMP once the system is back; null where none exists. */
  readonly dumpBytes?: (type: DumpType, crashedAt: number) => Uint8Array | null
  /** The run folder of the host; `/runs/1` without it. */
  readonly folder?: string
  /** Called at the start of every method with its name. */
  readonly onCall?: (call: string) => void
}

export class FakeTarget implements Target {
  readonly calls: string[] = []
  readonly #options: FakeTargetOptions
  readonly #conditions: TargetConditions
  #now = FAKE_START
  #type: DumpType = 'full'
  #crashedAt = 0
  #lockedUntil = 0

  constructor(options: FakeTargetOptions = {}) {
    this.#options = options
    this.#conditions = options.conditions ?? {}
  }

  describe(): TargetDescription {
    return {
      profile: 'win10-19041',
      controller: 'ahci0',
      seed: FAKE_SEED,
      cpuCount: 2,
      ramBytes: 640 * 4096,
      pageFileBytes: 640 * 4096 + 0x100000,
      freeBytesOnC: this.#conditions.freeBytesOnC ?? 60 * 2 ** 30,
      stack: [],
      ...this.#options.description,
    }
  }

  now(): number {
    return this.#now
  }

  async prepare(step: string): Promise<void> {
    this.#call(`prepare ${step}`)
    this.#now += 1000
  }

  async configure(dump: DumpType): Promise<{ oldDumpsDeleted: boolean }> {
    this.#call(`configure ${dump}`)
    this.#type = dump
    return { oldDumpsDeleted: this.#conditions.staleDump !== true }
  }

  async crash(progress: Progress, signal: AbortSignal): Promise<CrashReport> {
    this.#call('crash')
    this.#crashedAt = this.#now
    for (const percent of [0, 43, 100]) {
      this.#now += 100
      progress(percent)
      signal.throwIfAborted()
    }
    const fault = this.#conditions.miniportFault !== undefined
    const shown = fault ? SECOND_BUGCHECK : BUGCHECK
    return {
      shown,
      screen: ['*** STOP: 0x000000E2', 'Dumping physical memory to disk: 100'],
      finalStatus: fault || this.#conditions.dumpNeverWritten === true ? 0xc0000001 : 0,
      bytesWritten: fault ? 0 : 0x284000,
      seconds: 0.25,
      crashedAt: this.#crashedAt,
      inFlight: { commands: 8, completed: 0, leaked: [] },
      violations: fault
        ? [
            {
              severity: 'fail',
              rule: 'DM-10',
              count: 1,
              call: 'HwStartIo',
              message: 'page fault at 0xff',
              driver: 'dump_storahci.sys',
              address: '0xfffff80412345678',
              offset: '0x1234',
              irql: 'HIGH_LEVEL',
              atNs: 12,
            },
          ]
        : [],
    }
  }

  powerOff(): object {
    this.#call('powerOff')
    return { now: this.#now }
  }

  async awaitRestart(): Promise<void> {
    this.#call('awaitRestart')
    this.#now += 20_000
    this.#lockedUntil = this.#now + (this.#conditions.copyLockedMs ?? 0)
  }

  async sleep(ms: number): Promise<void> {
    this.#call(`sleep ${ms}`)
    this.#now += ms
  }

  async evidence(): Promise<Evidence> {
    const ram = new FakeRam([1, 2, 300])
    const { dumpNeverWritten, copyFails, miniportFault } = this.#conditions
    const isLost = dumpNeverWritten === true || miniportFault !== undefined
    const at = this.#crashedAt
    const events: SystemEvent[] = [
      { id: isLost ? 161 : 162, source: 'volmgr', at, text: 'dump file creation', fields: {} },
      {
        id: 41,
        source: 'Microsoft-Windows-Kernel-Power',
        at,
        text: 'rebooted',
        fields: { BugcheckCode: '226' },
      },
    ]
    return {
      truth: ram,
      seed: FAKE_SEED,
      used: ram.used,
      promised: allPages(),
      promisedBlocks: [],
      changedByDumpPath: pageSetOf([2]),
      strayWrites: pageSetOf([]),
      bugcheck: BUGCHECK,
      images: ['ntoskrnl.exe', 'dump_storahci.sys'],
      systemImages: [],
      controller: 'ahci0',
      writtenBy: [{ fileOffset: 0, byteLength: 0x284000, device: 'ahci0' }],
      events,
      ...(!isLost && {
        machineCrash: {
          dumpFile: copyFails === true ? 'C:\\DUMP1a2b.tmp' : MEMORY_DMP,
          tempDestination: copyFails === true ? 1 : 0,
        },
      }),
      directoryTableBase: gpa(0x1000),
      dumpType: { full: 5, kernel: 6, mini: 4 }[this.#type],
      ...this.#options.evidence,
    }
  }

  dumpPath(): string {
    return MEMORY_DMP
  }

  async openDump(): Promise<OpenedDump> {
    this.#call('openDump')
    if (this.#now < this.#lockedUntil) throw new DumpOpenError(0x80070020, MEMORY_DMP)
    const bytes = this.#options.dumpBytes?.(this.#type, this.#crashedAt) ?? null
    if (bytes === null || this.#conditions.copyFails === true) throw new DumpOpenError(0x80070002, MEMORY_DMP)
    const modifiedAt = this.#conditions.staleDump === true ? FAKE_START - 86_400_000 : this.#now
    return { source: new MemorySource(bytes), path: MEMORY_DMP, modifiedAt }
  }

  async keepDump(dump: DumpType): Promise<string | null> {
    this.#call(`keepDump ${dump}`)
    return `${this.#options.folder ?? '/runs/1'}/${dump}/MEMORY.DMP`
  }

  async keepDisk(): Promise<readonly string[]> {
    this.#call('keepDisk')
    return ['/runs/1/disk.img', '/runs/1/extents.json']
  }

  async restore(): Promise<void> {
    this.#call('restore')
  }

  close(): void {
    this.#call('close')
  }

  #call(name: string): void {
    this.#options.onCall?.(name)
    this.calls.push(name)
  }
}

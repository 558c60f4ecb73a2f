// The contract check of a driver file: load, start, some I/O, a crash with requests in flight, a few MiB through the dump port, flush and
// shutdown. No volume, no restart, no dump files. On each kind of disk that drivers get wrong.
import { DumpstackError, equalBytes, gpa, hex, PAGE_SIZE } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import {
  alteredMiniport,
  type DumpWriteReport,
  loadCrashDumpStack,
  NotJudged,
  type RuntimeStack,
  type SymbolNames,
  type SysHost,
  startRuntimeStack,
} from '@dumpstack/drivers'
import { type CheckHardware, type ControllerModel, type Machine, Owner } from '@dumpstack/machine'
import { type DumpModeRuleId, ntstatusText, SP_RETURN_FOUND } from '@dumpstack/nt'
import type { BootedKernel } from '../boot/contract.ts'
import { CrashedSystem } from '../system/crashed-system.ts'
import { CHECK_EXTENTS, checkPlan, firstDifference, PARTITION_OFFSET } from './check-plan.ts'
import { bootDrivenSystem, type DrivenSystem, type DrivenSystemOptions } from './driven-system.ts'
import {
  type CheckPhase,
  type DriverCheckReport,
  type DriverCheckRun,
  type DriverFinding,
  ofViolation,
  placeOf,
} from './driver-finding.ts'
import { controllerOf, type Reached, type StartAttempt } from './find-controller.ts'

export interface DriverCheckOptions
  extends Pick<
    DrivenSystemOptions,
    'profile' | 'file' | 'controller' | 'seed' | 'guestImages' | 'decoder' | 'observer'
  > {
  readonly names: SymbolNames
  /** Told at the begin of each phase, on each kind of hardware. */
  readonly onPhase?: (hardware: string, phase: CheckPhase) => void
}

const BUSY_NS = 5_000_000
const REQUEST_BYTES = 0x10000
const REQUESTS = 8
/** After the pieces of the page file. */
const IO_AT = 0x3200000

/** The one of the controllers that the driver is for. Throws NotJudged NO_SUCH_DEVICE. */
export function findController(
  options: Omit<DriverCheckOptions, 'controller'>,
  controllers: readonly ControllerModel[],
): ControllerModel {
  return controllerOf(options.file.fileName, attempts(options, controllers))
}

function* attempts(
  options: Omit<DriverCheckOptions, 'controller'>,
  controllers: readonly ControllerModel[],
): Iterable<StartAttempt> {
  for (const controller of controllers) {
    const run = new CheckRun({ ...options, controller }, controller.check[0])
    try {
      yield { controller, ...run.start() }
    } finally {
      run.close()
    }
  }
}

export function checkDriver(options: DriverCheckOptions): DriverCheckReport {
  const findings: DriverFinding[] = []
  const runs: DriverCheckRun[] = []
  for (const hardware of options.controller.check) {
    const run = new CheckRun(options, hardware)
    try {
      runs.push(run.run())
    } finally {
      run.close()
    }
    for (const finding of run.findings) {
      if (!findings.some((known) => isSame(known, finding))) findings.push(finding)
    }
    if (run.findings.some(isOnAnyDisk)) break
  }
  const has = (verdict: DriverFinding['verdict']): boolean => findings.some((one) => one.verdict === verdict)
  return {
    verdict: has('fail') ? 'fail' : has('inconclusive') ? 'inconclusive' : 'pass',
    controller: `${options.controller.kind}0`,
    findings,
    runs,
  }
}

const HANG: DumpModeRuleId = 'DM-26'
/** A driver that does not start, hangs, or cannot be judged, does so on any disk; a hang takes the host long. */
const isOnAnyDisk = ({ phase, verdict, rule }: DriverFinding): boolean =>
  phase === 'start' || verdict === 'inconclusive' || rule === 'DRIVER_HANG' || rule === HANG

/** A finding of these rules is why the dump ended. */
const ENDS_THE_DUMP: ReadonlySet<DumpModeRuleId> = new Set([
  'DM-23',
  HANG,
  'DM-46',
  'integrity-gate',
  'page-tables',
])

/** The same place again, on other hardware and so with other numbers. */
const isSame = (one: DriverFinding, other: DriverFinding): boolean =>
  one.hardware !== other.hardware &&
  one.rule === other.rule &&
  one.call === other.call &&
  one.offset === other.offset

class CheckRun {
  readonly findings: DriverFinding[] = []
  readonly #options: DriverCheckOptions
  readonly #hardware: CheckHardware
  readonly #machine: Machine
  readonly #image: DrivenSystem['image']
  readonly #cpu: Cpu
  readonly #kernel: BootedKernel
  readonly #host: SysHost
  #phase: CheckPhase = 'start'
  #bytesWritten = 0
  #hasFinished = false

  constructor(options: DriverCheckOptions, hardware: CheckHardware) {
    this.#options = options
    this.#hardware = hardware
    this.#enter('start')
    const { logicalSectorBytes, settings } = hardware
    const system = bootDrivenSystem({
      ...options,
      logicalSectorBytes,
      ...(settings !== undefined && { settings }),
    })
    this.#machine = system.machine
    this.#image = system.image
    this.#kernel = system.kernel
    this.#cpu = system.cpu
    this.#host = system.host
  }

  run(): DriverCheckRun {
    try {
      this.#life()
    } catch (error) {
      // the kernel refuses what cannot be mapped, the ports what cannot run
      if (!(error instanceof DumpstackError)) throw error
      this.#broke(error)
    }
    return {
      hardware: this.#hardware.name,
      finished: this.#hasFinished,
      bytesWritten: this.#bytesWritten,
      instructions: this.#cpu.instructionCount,
      work: this.#cpu.workCount,
    }
  }

  /** The way to a running disk alone. */
  start(): Omit<StartAttempt, 'controller'> {
    const machine = this.#machine
    const { kernel, miniport } = this.#host
    let reached: Reached = 'entry'
    const watched = alteredMiniport(miniport, (data) => ({
      ...data,
      hwFindAdapter: (...given) => {
        reached = 'controller'
        const answer = data.hwFindAdapter(...given)
        if (answer === SP_RETURN_FOUND) reached = 'adapter'
        return answer
      },
    }))
    try {
      startRuntimeStack({ machine, kernel, controller: machine.controllers[0]!, miniport: watched })
      return { failure: null, reached }
    } catch (error) {
      if (!(error instanceof DumpstackError)) throw error
      return { failure: error, reached }
    }
  }

  close(): void {
    this.#machine.close()
  }

  #enter(phase: CheckPhase): void {
    this.#phase = phase
    this.#options.onPhase?.(this.#hardware.name, phase)
  }

  #life(): void {
    const machine = this.#machine
    const { kernel, miniport } = this.#host
    const controller = machine.controllers[0]!
    const runtime = startRuntimeStack({ machine, kernel, controller, miniport })
    const { profile } = this.#options
    const dumpStack = loadCrashDumpStack({ machine, kernel, profile, runtime, miniport })
    this.#enter('running')
    dumpStack.setPageFile(CHECK_EXTENTS, PARTITION_OFFSET)
    this.#transfer(runtime)
    this.#kernel.loadCrashDriver()
    this.#keepBusy(runtime, controller.name)

    const crashed = new CrashedSystem({ machine, kernel: this.#kernel, runtime, dumpStack })
    this.#enter('dump')
    const plan = checkPlan(machine.ram)
    this.#judge(crashed.writeAll(plan))
    if (!this.#hasFinished) return
    const at = firstDifference(plan, machine.ram, this.#image)
    if (at !== null) {
      const what = `the page at dump offset ${hex(at)} is not on the disk as it was in RAM, although all writes succeeded`
      this.#add('wrong-data', 'HwStartIo', what)
    }
    const { strayWrites } = crashed.pagesAfterCrash()
    const [stray] = strayWrites.runs(1)
    if (stray !== undefined) {
      const what = `${strayWrites.size} pages of others changed while the dump was written, first pfn ${hex(stray.basePage)}`
      this.#add('stray-memory', 'HwStartIo', what)
    }
  }

  /** Writes and reads back through the running stack. */
  #transfer(runtime: RuntimeStack): void {
    const { ram } = this.#machine
    const bytes = REQUESTS * REQUEST_BYTES
    const from = this.#kernel.allocate(bytes, { owner: Owner.kernel })
    const into = this.#kernel.allocate(bytes, { owner: Owner.kernel })
    const pattern = new Uint8Array(bytes)
    for (let i = 0; i < bytes; i++) pattern[i] = (i >>> 9) ^ i
    ram.write(from.gpa, pattern)
    for (let i = 0; i < REQUESTS; i++) {
      runtime.write(IO_AT + i * REQUEST_BYTES, gpa(from.gpa + i * REQUEST_BYTES), REQUEST_BYTES)
    }
    runtime.drain()
    for (let i = 0; i < REQUESTS; i++) {
      runtime.read(IO_AT + i * REQUEST_BYTES, gpa(into.gpa + i * REQUEST_BYTES), REQUEST_BYTES)
    }
    runtime.drain()
    const found = new Uint8Array(bytes)
    ram.read(into.gpa, found)
    const onDisk = new Uint8Array(bytes)
    this.#image.read(IO_AT, onDisk)
    for (const [what, got] of [
      ['reached the disk', onDisk],
      ['were read back', found],
    ] as const) {
      if (equalBytes(got, pattern)) continue
      const at = got.findIndex((byte, index) => byte !== pattern[index])
      const page = Math.floor(at / PAGE_SIZE) * PAGE_SIZE
      this.#add(
        'wrong-data',
        'HwStartIo',
        `other bytes ${what} than were written, from ${hex(page)} of the request on`,
      )
    }
  }

  /** What the crash interrupts: requests that take longer than the way to it. */
  #keepBusy(runtime: RuntimeStack, controller: string): void {
    const memory = this.#kernel.allocate(REQUEST_BYTES, { owner: Owner.kernel })
    this.#machine.faults.add({ kind: 'latency', controller, nanoseconds: BUSY_NS, count: REQUESTS })
    for (let i = 0; i < REQUESTS; i++) runtime.write(IO_AT + i * REQUEST_BYTES, memory.gpa, REQUEST_BYTES)
  }

  #judge(report: DumpWriteReport): void {
    this.#bytesWritten = report.bytesWritten
    this.#hasFinished = report.finalStatus === 0
    for (const violation of report.violations) {
      this.findings.push(ofViolation(violation, this.#hardware.name))
    }
    if (this.#hasFinished || report.secondBugcheck !== undefined) return
    const message = `${report.failure ?? 'the dump ended early'} (${ntstatusText(report.finalStatus)})`
    if (report.notJudged !== undefined) this.#find(report.notJudged, 'dump', message, 'inconclusive')
    else if (!report.violations.some(({ rule }) => ENDS_THE_DUMP.has(rule)))
      this.#add('no-dump', 'dump', message)
  }

  /** The running stack did not get this far. */
  #broke(error: DumpstackError): void {
    const verdict = error instanceof NotJudged ? 'inconclusive' : 'fail'
    this.#find(error.code, this.#phase === 'start' ? 'start' : 'I/O', error.message, verdict)
  }

  #add(rule: DumpModeRuleId, call: string, message: string): void {
    this.#find(rule, call, message, 'fail')
  }

  /** `rule`: of the table, or an error code. */
  #find(rule: string, call: string, message: string, verdict: DriverFinding['verdict']): void {
    const { fileName } = this.#options.file
    const driver = this.#phase === 'dump' ? `dump_${fileName}` : fileName
    const image = this.#kernel.loadedImages.find(({ baseName }) => baseName === driver)
    const hasPlace = verdict === 'inconclusive' || this.#phase !== 'dump'
    const site = hasPlace ? (this.#host.miniport.code?.callSite() ?? null) : null
    this.findings.push({
      verdict,
      rule,
      call,
      message,
      count: 1,
      phase: this.#phase,
      hardware: this.#hardware.name,
      driver,
      ...placeOf(site, image),
      atNs: this.#machine.nowNs,
    })
  }
}

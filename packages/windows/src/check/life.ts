// One life of a driver file: load, start, some I/O, a crash with requests in flight, some MiB through the dump port, flush and shutdown.
// No volume, no dump files. Where the life asks for it, the system starts again on the used page file and dumps once more.
import { DumpstackError, hex } from '@dumpstack/bytes'
import type { Cpu } from '@dumpstack/cpu'
import {
  behindPort,
  type CallSite,
  type DumpWriteReport,
  GuestFault,
  type LoadedImage,
  loadCrashDumpStack,
  type MiniportImage,
  NotJudged,
  portWith,
  type RuntimeStack,
  type SymbolNames,
  type SysHost,
  startRuntimeStack,
  ViolationLog,
} from '@dumpstack/drivers'
import { type Machine, MemoryDiskImage, Owner } from '@dumpstack/machine'
import { type Bugcheck, type DumpModeRuleId, ntstatusText, SRB_STATUS_SUCCESS } from '@dumpstack/nt'
import type { BootedKernel } from '../boot/contract.ts'
import { CrashedSystem, MANUAL_CRASH } from '../system/crashed-system.ts'
import { type SecondCrashDump, secondCrashDump } from '../system/second-crash.ts'
import { brokenRule } from './broken-rule.ts'
import {
  capacityFault,
  checkDump,
  type DiskLayout,
  diskLayout,
  firstDifference,
  PARTITION_OFFSET,
} from './check-dump.ts'
import { refusedBy, toleratedBy } from './device-answers.ts'
import { bootDrivenSystem, type DrivenSystemOptions } from './driven-system.ts'
import {
  type CheckPhase,
  type DriverCheckRun,
  type DriverFinding,
  ENDS_THE_DUMP,
  ofViolation,
  placeOf,
} from './driver-finding.ts'
import { LIFE_EVENTS, type LifeEvent } from './events.ts'
import type { Reached, StartAttempt } from './find-controller.ts'
import { isRefusal } from './refused-hardware.ts'
import { REQUEST_BYTES, REQUESTS, requestBuffers } from './request-buffers.ts'
import { transfer } from './running-transfer.ts'
import { type LifeSettings, lifeText, type SystemSettings, systemSettings } from './settings.ts'
import { slowDump } from './slow-dump.ts'

export interface LifeOptions
  extends Pick<
    DrivenSystemOptions,
    'profile' | 'file' | 'controller' | 'seed' | 'guestImages' | 'decoder' | 'observer' | 'stopFlag'
  > {
  readonly names: SymbolNames
  /** Told at the begin of each phase. */
  readonly onPhase?: (phase: CheckPhase) => void
  /** Told where the driver ends a life before its dump is written: what it left, as long as it is looked at in the call. */
  readonly onStop?: (stopped: StoppedLife) => void
}

/** RAM of a life that ended early, for a debugger. */
export interface StoppedLife {
  readonly dump: SecondCrashDump
  /** HwDeviceExtension; null before HwFindAdapter. */
  readonly deviceExtension: bigint | null
}

const BUSY_NS = 5_000_000

export interface LifeResult {
  readonly life: LifeSettings
  readonly run: DriverCheckRun
  readonly findings: readonly DriverFinding[]
  /** It came to a dump: not where the driver refused the hardware. */
  readonly isJudged: boolean
  /** How the driver started on the controller. */
  readonly start: Omit<StartAttempt, 'controller'>
}

export function runLife(options: LifeOptions, life: LifeSettings): LifeResult {
  const system = systemSettings(life)
  const layout = diskLayout(system, options.seed, REQUESTS * REQUEST_BYTES)
  const image = new MemoryDiskImage(layout.byteLength)
  const first = startOf(options, life, layout, image)
  if (system.secondDump === 'off' || !first.run.finished) return first
  // other bytes in RAM: what the first dump left in the page file does not pass for the second
  return startOf({ ...options, seed: options.seed + 1 }, life, layout, image)
}

function startOf(
  options: LifeOptions,
  life: LifeSettings,
  layout: DiskLayout,
  image: MemoryDiskImage,
): LifeResult {
  const start = new SystemStart(options, life, layout, image)
  try {
    const run = start.run()
    const { findings, isJudged, attempt } = start
    return { life, run, findings, isJudged, start: attempt }
  } finally {
    start.close()
  }
}

/** The way to a running disk alone. */
export function attemptStart(options: LifeOptions): StartAttempt {
  const layout = diskLayout(systemSettings({}), options.seed, 0)
  const start = new SystemStart(options, {}, layout, new MemoryDiskImage(layout.byteLength))
  try {
    return { controller: options.controller, ...start.tryStart() }
  } finally {
    start.close()
  }
}

/** From power on to the end of the dump. */
class SystemStart {
  readonly findings: DriverFinding[] = []
  readonly #options: LifeOptions
  readonly #life: LifeSettings
  readonly #system: SystemSettings
  readonly #event: LifeEvent
  readonly #layout: DiskLayout
  readonly #image: MemoryDiskImage
  readonly #machine: Machine
  readonly #cpu: Cpu
  readonly #kernel: BootedKernel
  readonly #host: SysHost
  /** What the driver broke before the crash. */
  readonly #broken = new ViolationLog()
  readonly close: () => void
  #phase: CheckPhase = 'start'
  isJudged = false
  attempt: Omit<StartAttempt, 'controller'> = { failure: null, reached: 'entry' }
  #bytesWritten = 0
  #dumpSeconds = 0
  #hasFinished = false
  /** The bugcheck of a life that the driver has ended early. */
  #stoppedWith: Bugcheck | null = null

  constructor(options: LifeOptions, life: LifeSettings, layout: DiskLayout, image: MemoryDiskImage) {
    this.#options = options
    this.#life = life
    this.#system = systemSettings(life)
    this.#event = LIFE_EVENTS[this.#system.event]
    this.#layout = layout
    this.#image = image
    this.#enter('start')
    const system = bootDrivenSystem({ ...options, life }, image)
    this.#machine = system.machine
    this.#kernel = system.kernel
    this.#cpu = system.cpu
    this.#host = system.host
    this.#machine.evidence.onOverlap = (_controller, message) =>
      this.#add('memory-overlap', this.#step, message)
    this.#machine.evidence.onStore = (_controller, message, page) => {
      const site = this.#host.miniport.code?.storeSite(page) ?? null
      this.#find(
        'device-memory' satisfies DumpModeRuleId,
        this.#step,
        `the driver ${message}`,
        'warning',
        site,
      )
    }
    this.close = system.close
  }

  run(): DriverCheckRun {
    try {
      this.#live()
    } catch (error) {
      // the kernel refuses what cannot be mapped, the ports what cannot run
      if (!(error instanceof DumpstackError)) throw error
      this.#broke(error)
    }
    for (const violation of this.#broken.violations)
      this.findings.push(ofViolation(violation, 'running', this.#life))
    if (this.#stoppedWith !== null) this.#leave(this.#stoppedWith)
    return {
      setting: lifeText(this.#life),
      finished: this.#hasFinished,
      bytesWritten: this.#bytesWritten,
      machineSeconds: this.#machine.nowNs / 1e9,
      dumpSeconds: this.#dumpSeconds,
      instructions: this.#cpu.instructionCount,
      work: this.#cpu.workCount,
    }
  }

  tryStart(): Omit<StartAttempt, 'controller'> {
    try {
      this.#started(this.#host.miniport)
    } catch (error) {
      if (!(error instanceof DumpstackError)) throw error
    }
    return this.attempt
  }

  /** The running stack; `attempt` says how far the driver came. */
  #started(miniport: MiniportImage): RuntimeStack {
    const machine = this.#machine
    let reached: Reached = 'entry'
    const usesLine = this.#system.interrupts === 'line'
    const controller = machine.controllers[0]!
    let failure: DumpstackError | null = null
    try {
      return startRuntimeStack({
        machine,
        kernel: this.#host.kernel,
        controller,
        miniport,
        usesLine,
        onFindAdapter: (hasFound) => {
          reached = hasFound ? 'adapter' : 'controller'
        },
        onBroken: (broken) =>
          this.#broken.add(brokenRule(broken, this.#driverImage!, machine.nowNs, this.#host.miniport.code)),
      })
    } catch (error) {
      if (error instanceof DumpstackError) failure = error
      throw error
    } finally {
      this.attempt = { failure, reached }
    }
  }

  #leave(bugcheck: Bugcheck): void {
    const code = this.#host.miniport.code?.stop() ?? null
    if (code === null) return
    const dump = secondCrashDump({ kernel: this.#kernel, bugcheck, code })
    this.#options.onStop?.({ dump, deviceExtension: code.deviceExtension })
  }

  #enter(phase: CheckPhase): void {
    this.#phase = phase
    this.#options.onPhase?.(phase)
  }

  #live(): void {
    const machine = this.#machine
    const { kernel } = this.#host
    const miniport = this.#miniport()
    const controller = machine.controllers[0]!
    const runtime = this.#started(miniport)
    const fault = capacityFault(runtime.bootDevice, this.#layout)
    if (fault !== null) {
      const at = this.#startOf('HwBuildIo') ?? this.#startOf('HwStartIo')
      this.#find('OUT_OF_RANGE', 'READ CAPACITY', fault.message, 'fail', at)
      if (fault.leavesNoPlace) return
    }
    const { profile } = this.#options
    const dumpStack = loadCrashDumpStack({
      machine,
      kernel,
      profile,
      runtime,
      miniport,
      probes: this.#event.mayFail !== true,
    })
    this.#enter('running')
    dumpStack.setPageFile(this.#layout.pageFile, PARTITION_OFFSET)
    this.#transfer(runtime)
    for (const what of toleratedBy(machine.evidence))
      this.#find('device-refused', 'HwStartIo', what, 'warning')
    this.#judgeTimedOut(runtime)
    if (this.#system.event === 'beyond-end') this.#beyondEnd(runtime)
    machine.faults.clear()
    this.#kernel.loadCrashDriver()
    this.#keepBusy(runtime, controller.name)

    const crashed = new CrashedSystem({ machine, kernel: this.#kernel, runtime, dumpStack })
    this.#enter('dump')
    if (this.#event.dumpFault !== undefined) {
      machine.faults.clear()
      machine.faults.add(this.#event.dumpFault(controller.name))
    }
    const plan = checkDump(machine.ram, this.#system)
    const beganNs = machine.nowNs
    const report = crashed.writeAll(plan)
    this.#dumpSeconds = (machine.nowNs - beganNs) / 1e9
    this.#judge(report)
    if (!this.#hasFinished) return
    const at = firstDifference(plan, this.#layout.pageFile, machine.ram, this.#image)
    if (at !== null) {
      const what = `the page at dump offset ${hex(at)} is not on the disk as it was in RAM, although all writes succeeded`
      this.#addOutcome('wrong-data', 'HwStartIo', what)
    }
    this.#judgeStrays(crashed, runtime, report)
  }

  #miniport(): MiniportImage {
    const { miniport } = this.#host
    if (this.#event.isOutOfPool !== true) return miniport
    return behindPort(miniport, (port) =>
      portWith(port, {
        allocatePool: (extension, byteLength) =>
          this.#phase === 'running' ? null : port.allocatePool(extension, byteLength),
      }),
    )
  }

  /** Writes and reads back through the running stack. */
  #transfer(runtime: RuntimeStack): void {
    const machine = this.#machine
    const { running, runningFault } = this.#event
    if (runningFault !== undefined) machine.faults.add(runningFault(runtime.controller.name))
    const wrong = transfer({
      runtime,
      ram: machine.ram,
      from: requestBuffers(this.#kernel, this.#system),
      into: requestBuffers(this.#kernel, this.#system),
      at: this.#layout.transferAt,
      image: this.#image,
      whileWriting: () => running?.(runtime),
    })
    for (const what of wrong) this.#add('wrong-data', 'HwStartIo', what)
  }

  /** What the reset of the port has saved: the driver had lost it, or its end. */
  #judgeTimedOut({ timedOut }: RuntimeStack): void {
    if (timedOut === null || this.#event.mayFail === true) return
    const routine = this.#startOf('HwBuildIo') === null ? 'HwStartIo' : 'HwBuildIo'
    const what = `${timedOut} did not end in ten seconds, although the device had no fault: only the reset of the port, and sending it again, has saved it`
    this.#find('request-timeout' satisfies DumpModeRuleId, routine, what, 'warning', this.#startOf(routine))
  }

  /**
   * A request that does not lie on the disk must fail, and the miniport knows that without its device. One that lies there in part may also
   * be cut at the end: public drivers do that.
   */
  #beyondEnd(runtime: RuntimeStack): void {
    const { sectorCount } = runtime.bootDevice
    for (const answer of runtime.probeBeyondEnd()) {
      const { isWrite, block, blockCount, srbStatus, isCut, reachedDevice } = answer
      const isInPart = block < sectorCount
      const what = `${isWrite ? 'a write' : 'a read'} of ${blockCount} blocks from ${hex(block)} on, beyond the end of the disk,`
      const handed = `${what} was handed to the device, which refused it`
      if (srbStatus === null) this.#find('IO_FAILED', 'HwStartIo', `${what} did not complete`, 'fail')
      else if (srbStatus === SRB_STATUS_SUCCESS && !(isInPart && isCut))
        this.#add('wrong-data', 'HwStartIo', `${what} ended with success`)
      else if (reachedDevice) this.#find('OUT_OF_RANGE', 'HwStartIo', handed, isInPart ? 'note' : 'warning')
    }
  }

  /** What the crash interrupts: requests that take longer than the way to it. */
  #keepBusy(runtime: RuntimeStack, controller: string): void {
    const memory = this.#kernel.allocate(REQUEST_BYTES, { owner: Owner.kernel })
    this.#machine.faults.add({ kind: 'latency', controller, nanoseconds: BUSY_NS, count: REQUESTS })
    const { busyAt } = this.#layout
    for (let i = 0; i < REQUESTS; i++) runtime.write(busyAt + i * REQUEST_BYTES, memory.gpa, REQUEST_BYTES)
  }

  #judge(report: DumpWriteReport): void {
    this.isJudged = true
    this.#bytesWritten = report.bytesWritten
    this.#hasFinished = report.finalStatus === 0
    // a wait for a device at fault may be long, and counted
    const mayReturn = report.isCutOff === true && this.#event.mayFail === true
    for (const violation of report.violations) {
      const finding = ofViolation(violation, 'dump', this.#life)
      const isHang = finding.rule === ('DM-26' satisfies DumpModeRuleId)
      this.findings.push(mayReturn && isHang ? { ...finding, verdict: 'note' } : finding)
    }
    if (!this.#hasFinished && report.notJudged === undefined)
      this.#stoppedWith = report.secondBugcheck ?? MANUAL_CRASH
    if (this.#hasFinished) this.#judgeTimes(report)
    if (this.#hasFinished || report.secondBugcheck !== undefined) return
    const message = `${report.failure ?? 'the dump ended early'} (${ntstatusText(report.finalStatus)})`
    if (report.notJudged !== undefined) this.#find(report.notJudged, 'dump', message, 'inconclusive')
    else if (this.#event.mayFail !== true && !report.violations.some(({ rule }) => ENDS_THE_DUMP.has(rule)))
      this.#addOutcome('no-dump', 'dump', message, this.#startOf(report.failedIn ?? 'HwStartIo'))
  }

  /** Pages outside the dump path that changed after the crash; one that the driver's own code stored to is named first. */
  #judgeStrays(crashed: CrashedSystem, runtime: RuntimeStack, { strayStores }: DumpWriteReport): void {
    const { strayWrites } = crashed.pagesAfterCrash()
    const [any] = strayWrites.runs(1)
    if (any === undefined) return
    const stores = [...(strayStores ?? [])].filter(([page]) => strayWrites.has(page))
    const [page, store] = stores[0] ?? [any.basePage, null]
    const at = crashed.firstChange(page)
    const owner = runtime.memoryAt(at)
    const belongs = owner === null ? '' : `, which belongs to the running instance: ${owner}`
    const count =
      strayWrites.size === 1
        ? 'a page outside the dump path'
        : `${strayWrites.size} pages outside the dump path`
    const what = `${count} changed while the dump was written, at physical address ${hex(at)}${belongs}`
    this.#addOutcome('stray-memory', store?.entryPoint ?? 'HwStartIo', what, store?.site ?? null)
  }

  /** A device with a fault may be as slow as it likes. */
  #judgeTimes({ times, bytesWritten }: DumpWriteReport): void {
    if (times === undefined || this.#event.dumpFault !== undefined) return
    // what was found may be why it is slow
    if (this.findings.some(({ verdict, phase }) => verdict === 'fail' && phase === 'dump')) return
    const slow = slowDump(times, bytesWritten)
    if (slow === null) return
    const { entryPoint, site } = times.waits ?? { entryPoint: 'HwStartIo', site: null }
    this.#find('slow-dump' satisfies DumpModeRuleId, entryPoint, slow.message, slow.verdict, site)
  }

  /** What came of a failure that was found is no finding of its own: it is said with the first. */
  #addOutcome(rule: DumpModeRuleId, call: string, message: string, at: CallSite | null = null): void {
    const index = this.findings.findIndex(({ verdict, phase }) => verdict === 'fail' && phase === 'dump')
    const cause = this.findings[index]
    if (cause === undefined) this.#find(rule, call, message, 'fail', at)
    else this.findings[index] = { ...cause, message: `${cause.message}; so ${message}` }
  }

  /** The running stack did not get this far. */
  #broke(error: DumpstackError): void {
    // no dump was tried then, which is to be said
    const mayFail = error.code === 'IO_FAILED' && this.#event.mayFail === true
    const verdict =
      mayFail || isRefusal(error, this.#life) ? 'note' : error instanceof NotJudged ? 'inconclusive' : 'fail'
    if (verdict === 'fail')
      this.#stoppedWith = (error instanceof GuestFault ? error.bugcheck : null) ?? MANUAL_CRASH
    const { routine } = error.fields
    const message =
      error.code === 'IO_FAILED' ? error.message + refusedBy(this.#machine.evidence) : error.message
    this.#find(error.code, typeof routine === 'string' ? routine : this.#step, message, verdict)
  }

  /** Where a finding belongs to no single routine. */
  get #step(): string {
    return this.#phase === 'start' ? 'start' : 'I/O'
  }

  #add(rule: DumpModeRuleId, call: string, message: string): void {
    this.#find(rule, call, message, 'fail')
  }

  /** `rule`: of the table, or an error code. `at`: where that is known from before. */
  #find(
    rule: string,
    call: string,
    message: string,
    verdict: DriverFinding['verdict'],
    at: CallSite | null = null,
  ): void {
    const image = this.#driverImage
    const hasPlace = verdict === 'inconclusive' || this.#phase !== 'dump'
    const { code } = this.#host.miniport
    const stopped = at ?? (hasPlace ? code?.callSite() : null)
    const site = stopped ?? this.#startOf(call)
    this.findings.push({
      verdict,
      rule,
      call,
      message,
      count: 1,
      phase: this.#phase,
      setting: lifeText(this.#life),
      settings: this.#life,
      driver: this.#driverName,
      ...placeOf(site, image),
      atNs: this.#machine.nowNs,
    })
  }

  get #driverName(): string {
    const { fileName } = this.#options.file
    return this.#phase === 'dump' ? `dump_${fileName}` : fileName
  }

  get #driverImage(): LoadedImage | undefined {
    return this.#kernel.loadedImages.find(({ baseName }) => baseName === this.#driverName)
  }

  /** What a routine came to after it returned is placed at the routine. */
  #startOf(routine: string): CallSite | null {
    const image = this.#driverImage
    return (image && this.#host.miniport.code?.routineSite(image, routine)) ?? null
  }
}

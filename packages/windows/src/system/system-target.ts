// The embedded Windows-shaped system as the Crashdump Support Test drives it. Time is the machine's own clock.
import { openDump } from '@dumpstack/dumpfile'
import { HeaderDumpType, HRESULT_FILE_NOT_FOUND, HRESULT_SHARING_VIOLATION } from '@dumpstack/nt'
import {
  type CrashReport,
  DumpOpenError,
  type DumpType,
  type Evidence,
  type Facts,
  type KeptCrash,
  type OpenedDump,
  type Progress,
  type Target,
  type TargetDescription,
} from '@dumpstack/target'
import { WindowsError } from '../errors.ts'
import { bugcheckSaved, dumpDeleted } from '../events/system-events.ts'
import { type CrashControlSettings, SYSTEM_ROOT } from '../registry/crash-control.ts'
import { minidumps, newMinidumpPath, surplusMinidumps } from '../restart/minidump-folder.ts'
import { keepsMemoryDump } from '../restart/retention.ts'
import { DumpCopy } from '../restart/wer-fault.ts'
import { copyHostFile, hostNameOf } from '../volume/host-folder.ts'
import { VolumeFileSource } from '../volume/volume-bytes.ts'
import { type Crash, crash, crashOf } from './crash.ts'
import { EXTENTS_NAME, extentsRecord, IMAGE_NAME, MANIFEST_NAME, writeJson } from './disk-record.ts'
import type { SystemOptions } from './options.ts'
import { type PoweredOffTarget, poweredOffTargetOf } from './powered-off.ts'
import { systemImages } from './system-images.ts'
import { WindowsSystem } from './windows-system.ts'

const CRASH_DRIVER_FILE = `${SYSTEM_ROOT}\\System32\\drivers\\crashtst.sys`
/** From the first service to the moment when the test runs again after a logon; virtual. */
const LOGON_MS = 60_000
const FAILED_COPY_PART = 0.5
const CUT_OFF_PART = 0.5

/** A system that another process switched off. */
export interface PoweredOffSystem {
  readonly state: Facts
  /** null where it was shut down in order. */
  readonly crash: KeptCrash | null
}

export class SystemTarget implements Target {
  readonly #system: WindowsSystem
  readonly #settings: CrashControlSettings
  #crash: Crash | null = null
  #copy: DumpCopy | null = null
  /** Where the minidump of the last crash goes; null before its copy begins. */
  #minidump: string | null = null
  #restarted = false
  /** Events before this one belong to an earlier dump. */
  #firstEvent = 0
  #isDiskKept = false

  /** Powers a new machine on and starts it; one that was switched off stays off until the step that starts it. */
  constructor(options: SystemOptions, resumed: PoweredOffSystem | null = null) {
    const saved = resumed === null ? null : poweredOffTargetOf(resumed.state)
    this.#system = new WindowsSystem(options, saved?.system ?? null)
    if (resumed !== null && saved !== null) {
      this.#settings = saved.settings
      this.#firstEvent = saved.firstEvent
      if (resumed.crash !== null) this.#crash = crashOf(resumed.crash)
      this.#removeUnknownFiles()
      return
    }
    this.#system.powerOn()
    const { volume, crashControl } = this.#system
    this.#settings = crashControl.settings
    const { freeBytesOnC } = options.conditions
    if (freeBytesOnC !== undefined && freeBytesOnC < volume.freeBytes) {
      volume.create('C:\\Users\\ballast.bin', volume.freeBytes - freeBytesOnC, this.now())
    }
    this.#writeManifest()
  }

  get isDiskKept(): boolean {
    return this.#isDiskKept
  }

  describe(): TargetDescription {
    const { options, profile, ramBytes, volume } = this.#system
    return {
      profile: profile.name,
      controller: this.#system.controllerUnderTest,
      ...(options.driver !== undefined && { driver: options.driver.description }),
      seed: options.seed,
      cpuCount: options.cpuCount,
      ramBytes,
      pageFileBytes: options.pageFileBytes,
      freeBytesOnC: volume.freeBytes,
      stack: [...this.#system.running.dumpStack.rows],
    }
  }

  now(): number {
    return this.#system.now
  }

  async prepare(
    step: 'debuggers' | 'crashDriver' | 'pageFile' | 'restart',
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    const system = this.#system
    switch (step) {
      case 'debuggers':
        for (const file of system.options.debuggers) this.#placeFile(file.path, file.bytes, file.isProgram)
        break
      case 'crashDriver': {
        const image = system.options.guestImages.get('crashtst.sys')
        if (image === undefined)
          throw new WindowsError('IMAGE_MISSING', 'crashtst.sys is not among the guest images')
        this.#placeFile(CRASH_DRIVER_FILE, image)
        system.installCrashDriver()
        break
      }
      case 'pageFile':
        system.crashControl.setPagingFile(system.options.pageFileBytes)
        break
      case 'restart':
        if (system.isOn) this.powerOff()
        system.powerOn()
        if (system.options.conditions.staleDump === true) await this.#leaveStaleDump(signal)
        break
    }
    this.#writeManifest()
  }

  async configure(dump: DumpType, signal: AbortSignal): Promise<{ oldDumpsDeleted: boolean }> {
    signal.throwIfAborted()
    const { crashControl, volume, log, options } = this.#system
    this.#firstEvent = log.events.length
    crashControl.configure(dump)
    this.#system.configureCrashDump()
    let oldDumpsDeleted = true
    const old = new Set(minidumps(volume, crashControl.minidumpDir).map(({ path }) => path))
    for (const { path } of volume.files) {
      const isDump = path === crashControl.dumpFile || old.has(path)
      if (!isDump && !/^C:\\DUMP[0-9a-f]{4}\.tmp$/i.test(path)) continue
      try {
        volume.delete(path)
      } catch (error) {
        if (!(error instanceof WindowsError)) throw error
        oldDumpsDeleted = false
        continue
      }
      // What the host refuses is no old dump that stays: the run cannot go on here.
      options.host.remove(hostNameOf(path))
    }
    return { oldDumpsDeleted }
  }

  async crash(progress: Progress, signal: AbortSignal): Promise<CrashReport> {
    signal.throwIfAborted()
    const dump = this.#system.crashControl.dumpType ?? 'kernel'
    this.#crash = null
    this.#minidump = null
    this.#restarted = false
    this.#crash = await crash(this.#system, dump, progress, signal)
    return this.#crash.report
  }

  powerOff(): PoweredOffTarget {
    this.#copy?.cut()
    this.#copy = null
    const crashed = this.#restarted ? null : this.#crash
    const system = this.#system.powerOff(
      crashed === null
        ? null
        : {
            bugcheck: crashed.report.shown,
            at: crashed.report.crashedAt,
            dump: crashed.pageFile === null ? null : { finalStatus: crashed.report.finalStatus },
          },
    )
    this.#writeManifest()
    return { system, settings: this.#settings, firstEvent: this.#firstEvent }
  }

  async awaitRestart(ms: number, progress: Progress, signal: AbortSignal): Promise<void> {
    const system = this.#system
    const crashed = this.#crash
    if (crashed === null || this.#restarted) throw new WindowsError('NOT_CRASHED', 'system has not crashed')
    const from = this.now()
    if (!system.crashControl.autoReboot) {
      system.pass(ms)
      throw new WindowsError('RESTART_TIMEOUT', `system did not restart within ${ms} ms: AutoReboot is 0`)
    }
    if (system.isOn) this.powerOff()
    this.#restarted = true
    system.powerOn()
    if (this.now() - from > ms) {
      throw new WindowsError(
        'RESTART_TIMEOUT',
        `system took ${this.now() - from} ms to restart, expected ${ms}`,
      )
    }
    await this.#startCopy(progress, signal)
    system.pass(Math.min(LOGON_MS, ms - (this.now() - from)))
    this.#settleCopy()
    this.#writeManifest()
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#system.pass(ms)
    this.#settleCopy()
  }

  async evidence(): Promise<Evidence> {
    const crashed = this.#existingCrash()
    const { options, profile, log, crashControl } = this.#system
    const machineCrash = crashControl.machineCrash
    return {
      truth: crashed.truth,
      seed: options.seed,
      used: crashed.used,
      promised: crashed.promised,
      promisedBlocks: crashed.promisedBlocks,
      changedByDumpPath: crashed.changedByDumpPath,
      strayWrites: crashed.strayWrites,
      bugcheck: crashed.bugcheck,
      images: crashed.images,
      systemImages: systemImages(options.guestImages),
      controller: this.#system.controllerUnderTest,
      writtenBy: crashed.writtenBy,
      events: log.events.slice(this.#firstEvent),
      ...(machineCrash !== null && { machineCrash }),
      directoryTableBase: crashed.directoryTableBase,
      dumpType: profile.dumpTypes[crashed.dump],
    }
  }

  dumpPath(): string {
    const { crashControl } = this.#system
    const dump = this.#crash?.dump ?? crashControl.dumpType
    return dump === 'mini' ? (this.#minidump ?? `${crashControl.minidumpDir}\\*.dmp`) : crashControl.dumpFile
  }

  async openDump(): Promise<OpenedDump> {
    const { volume, options } = this.#system
    const path = this.dumpPath()
    const file = volume.find(path)
    if (file === null) throw new DumpOpenError(HRESULT_FILE_NOT_FOUND, path)
    if (file.locked) throw new DumpOpenError(HRESULT_SHARING_VIOLATION, path)
    return { source: options.host.open(hostNameOf(path)), path, modifiedAt: file.modifiedAt }
  }

  async keepDump(dump: DumpType): Promise<string | null> {
    const { volume, options } = this.#system
    const path = this.dumpPath()
    const file = volume.find(path)
    if (file === null || file.locked) return null
    const kept = `${dump}/${path.slice(path.lastIndexOf('\\') + 1)}`
    if (file.readOnly) {
      copyHostFile(options.host, hostNameOf(path), kept)
    } else {
      options.host.rename(hostNameOf(path), kept)
      volume.delete(path)
    }
    this.#writeManifest()
    return options.host.pathOf(kept)
  }

  async keepDisk(): Promise<readonly string[]> {
    const crashed = this.#existingCrash()
    if (this.#restarted) throw new WindowsError('NO_DUMP_ON_DISK', 'system has restarted since it crashed')
    const { options, volume, disk } = this.#system
    const { seed, runs, host } = options
    const record = extentsRecord(crashed, { seed, runs, partitionOffset: volume.partition.offset })
    disk.image.sync()
    writeJson(host, EXTENTS_NAME, record)
    this.#isDiskKept = true
    this.#writeManifest()
    return [IMAGE_NAME, MANIFEST_NAME, EXTENTS_NAME].map((name) => host.pathOf(name))
  }

  async restore(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#system.crashControl.restore(this.#settings)
  }

  close(): void {
    this.#system.close()
  }

  /** A dump of a crash before the test, which is then made read-only: nothing can replace it. */
  async #leaveStaleDump(signal: AbortSignal): Promise<void> {
    await this.configure('kernel', signal)
    await this.crash(() => {}, signal)
    await this.awaitRestart(Number.MAX_SAFE_INTEGER, () => {}, signal)
    const { crashControl, volume } = this.#system // of the last start
    volume.setAttributes(crashControl.dumpFile, { readOnly: true })
  }

  async #startCopy(progress: Progress, signal: AbortSignal): Promise<void> {
    const { running, volume, disk, crashControl, options } = this.#system
    const from = running.foundDump
    if (from === null) return
    const { copyFails, copyLockedMs, dumpCutOff } = options.conditions
    const source = new VolumeFileSource(from, volume.partition.offset, disk.image)
    const isMinidump = openDump(source).header.dumpType === HeaderDumpType.triage
    const to = isMinidump
      ? newMinidumpPath(volume, crashControl.minidumpDir, this.now(), this.#system.tickCount)
      : crashControl.dumpFile
    if (isMinidump) this.#minidump = to
    this.#copy = new DumpCopy({
      volume,
      image: disk.image,
      host: options.host,
      from,
      to,
      overwrite: crashControl.overwrite,
      startedAt: this.now(),
      ...(copyLockedMs !== undefined && { lockedMs: copyLockedMs }),
      ...(dumpCutOff === true && { cutOffAfterBytes: Math.floor(from.byteLength * CUT_OFF_PART) }),
      ...(copyFails === true && { failAfterBytes: Math.floor(from.byteLength * FAILED_COPY_PART) }),
    })
    await this.#copy.run(progress, async () => {
      await options.hostTurn()
      signal.throwIfAborted()
    })
  }

  #settleCopy(): void {
    const copy = this.#copy
    if (copy === null || !copy.settle(this.now()) || copy.state !== 'done') return
    const { volume, crashControl, log, options, profile } = this.#system
    const { dumpFile, alwaysKeepMemoryDump, minidumpDir, minidumpsCount } = crashControl
    const { freeBytes } = volume
    log.add(bugcheckSaved(copy.doneAt!, this.#existingCrash().bugcheck, this.#minidump ?? dumpFile))
    if (this.#minidump !== null) {
      for (const { path } of surplusMinidumps(volume, minidumpDir, minidumpsCount)) {
        volume.delete(path)
        options.host.remove(hostNameOf(path))
      }
      return
    }
    if (keepsMemoryDump({ ...profile, alwaysKeepMemoryDump, freeBytes })) return
    volume.delete(dumpFile)
    options.host.remove(hostNameOf(dumpFile))
    log.add(dumpDeleted(copy.doneAt!, dumpFile))
  }

  /**
   * What a start that was killed has left in C:, its half-made copies above all. Folders beside Windows are not the
   * system's alone: debuggers keep symbols there.
   */
  #removeUnknownFiles(): void {
    const { volume, options } = this.#system
    const known = new Set(volume.files.map(({ path }) => hostNameOf(path)))
    for (const name of options.host.list('C'))
      if (!known.has(name) && /^C\/(Windows\/|[^/]+$)/.test(name)) options.host.remove(name)
  }

  #placeFile(path: string, bytes: Uint8Array, isProgram = false): void {
    const { volume, options } = this.#system
    volume.create(path, bytes.byteLength, this.now())
    const file = options.host.create(hostNameOf(path), bytes.byteLength, isProgram)
    try {
      file.write(0, bytes)
    } finally {
      file.close()
    }
  }

  #existingCrash(): Crash {
    if (this.#crash === null) throw new WindowsError('NOT_CRASHED', 'system has not crashed')
    return this.#crash
  }

  #writeManifest(): void {
    writeJson(this.#system.options.host, MANIFEST_NAME, this.#system.volume.manifest(IMAGE_NAME))
  }
}

// One SRB of the dump port: handed to the miniport, then polled until the miniport says RequestComplete. Neither the value that
// HwInterrupt returns nor an interrupt counts (DM-18, DM-20).
import { hex } from '@dumpstack/bytes'
import {
  type Profile,
  SRB_STATUS_PENDING,
  SRB_STATUS_SUCCESS,
  STATUS_IO_DEVICE_ERROR,
  STATUS_IO_TIMEOUT,
  STATUS_SUCCESS,
  srbStatusText,
} from '@dumpstack/nt'
import type { GuestBlock } from '../../miniport.ts'
import type { ScsiPlace } from '../../runtime-stack.ts'
import { SrbBuilder } from '../../srb-builder.ts'
import { SRB_BYTES, srbLayoutFor } from '../../srb-layout.ts'
import type { CrashEnvironment } from '../environment.ts'
import type { DumpAdapter } from './dump-adapter.ts'
import type { PortMemory } from './port-memory.ts'

// Our choice: a disk that is silent for this long is asked less often, or a hang costs a million polls of the host's time.
const FAST_POLL_NS = 20e6
const SLOW_POLL_MICROSECONDS = 500

export class PolledSrb {
  readonly block: GuestBlock
  /** One line: why the last SRB failed. */
  failure = ''
  readonly #environment: CrashEnvironment
  readonly #adapter: DumpAdapter
  readonly place: ScsiPlace
  readonly #timeoutSeconds: number
  readonly #pollMicroseconds: number
  #builder: SrbBuilder | null = null
  #isActive = false
  #isComplete = true
  #completedBefore = 0

  constructor(
    environment: CrashEnvironment,
    adapter: DumpAdapter,
    memory: PortMemory,
    place: ScsiPlace,
    profile: Profile,
  ) {
    this.#environment = environment
    this.#adapter = adapter
    this.place = place
    this.#timeoutSeconds = profile.limits.srbTimeoutSeconds
    this.#pollMicroseconds = profile.limits.pollMicroseconds
    this.block = memory.need(SRB_BYTES)
  }

  /** Of the kind that the miniport takes: not before it has called StorPortInitialize. */
  get builder(): SrbBuilder {
    this.#builder ??= new SrbBuilder(this.block, srbLayoutFor(this.#adapter.data.srbTypeFlags))
    return this.#builder
  }

  get activeBlock(): GuestBlock | null {
    return this.#isActive ? this.block : null
  }

  get srbStatus(): number {
    return this.builder.srbStatus
  }

  begin(srbFunction: number, flags: number, byteLength: number): void {
    const { builder } = this
    const { va } = this.#adapter.srbExtension
    builder.begin(srbFunction, flags, byteLength, this.#timeoutSeconds, va)
    builder.address(this.place)
  }

  /** STATUS_SUCCESS, STATUS_IO_DEVICE_ERROR (worth another try) or STATUS_IO_TIMEOUT (the miniport still has the SRB). */
  send(name: string): number {
    this.#isActive = true
    this.#isComplete = false
    this.#completedBefore = this.#environment.machine.evidence.completionCount
    const ended = this.#start() ? this.#poll() : true
    if (!ended) {
      this.failure = `${name} did not complete within ${this.#timeoutSeconds} s`
      this.#blame(name)
      this.#resetBus()
      this.#isActive = false
      return STATUS_IO_TIMEOUT
    }
    this.#isActive = false
    if (!this.#isComplete) {
      this.failure = `${name} was refused by HwStartIo`
      return STATUS_IO_DEVICE_ERROR
    }
    const status = this.srbStatus
    if (status === SRB_STATUS_SUCCESS) return STATUS_SUCCESS
    this.failure = `${name} ended with ${srbStatusText(status)}`
    return STATUS_IO_DEVICE_ERROR
  }

  onRequestComplete(srb: GuestBlock): void {
    const call = 'RequestComplete'
    if (srb.va !== this.block.va) {
      const what = `an SRB at ${hex(srb.va)} was completed that the dump port did not send`
      this.#environment.violate('DM-30', call, what)
    } else if (!this.#isActive) {
      this.#environment.violate('DM-38', call, 'an SRB was completed when none was pending')
    } else if (this.#isComplete) {
      this.#environment.violate('DM-38', call, 'an SRB was completed twice')
    } else {
      if (this.srbStatus === SRB_STATUS_PENDING) {
        this.#environment.violate('DM-38', call, 'an SRB was completed with SRB_STATUS_PENDING')
      }
      this.#isComplete = true
    }
  }

  /** False when there is nothing to poll for: refused, or completed in HwBuildIo (DM-40). */
  #start(): boolean {
    const { data, deviceExtension } = this.#adapter
    const environment = this.#environment
    const { block } = this
    if (data.hwBuildIo !== undefined) {
      environment.enter('HwBuildIo')
      const goesOn = data.hwBuildIo(deviceExtension, block)
      environment.leave()
      if (!goesOn) return !this.#isComplete
    }
    environment.enter('HwStartIo')
    const isTaken = data.hwStartIo(deviceExtension, block)
    environment.leave()
    return isTaken && !this.#isComplete
  }

  #poll(): boolean {
    const { data, deviceExtension } = this.#adapter
    const environment = this.#environment
    const { machine } = environment
    const giveUpAt = machine.nowNs + this.#timeoutSeconds * 1e9
    const slowFrom = machine.nowNs + FAST_POLL_NS
    for (;;) {
      environment.enter('HwInterrupt')
      data.hwInterrupt(deviceExtension)
      environment.leave()
      if (this.#isComplete) return true
      const { nowNs } = machine
      if (nowNs >= giveUpAt) return false
      machine.stall(nowNs < slowFrom ? this.#pollMicroseconds : SLOW_POLL_MICROSECONDS)
    }
  }

  /** DM-19: the command has ended, and the routine that was asked again and again did not see it. */
  #blame(name: string): void {
    const { completionCount } = this.#environment.machine.evidence
    if (completionCount === this.#completedBefore) return
    const what = `the controller has reported the end of ${name}, but HwInterrupt did not complete it in ${this.#timeoutSeconds} s of polling`
    this.#environment.violate('DM-19', 'HwInterrupt', what)
  }

  /** DM-37: after a timeout the port asks for a bus reset, which a dump miniport must only nod at. */
  #resetBus(): void {
    const { data, deviceExtension } = this.#adapter
    const environment = this.#environment
    const before = environment.registerWrites
    environment.enter('HwResetBus')
    const isDone = data.hwResetBus(deviceExtension, this.place.pathId)
    const touched = environment.registerWrites - before
    if (!isDone) environment.violate('DM-37', 'HwResetBus', 'HwResetBus returned FALSE, expected TRUE')
    if (touched > 0) {
      environment.violate('DM-37', 'HwResetBus', `HwResetBus wrote ${touched} registers, expected none`)
    }
    environment.leave()
  }
}

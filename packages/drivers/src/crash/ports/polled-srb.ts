// One SRB of the dump port: handed to the miniport, then polled until the miniport says RequestComplete. Neither the value that
// HwInterrupt returns nor an interrupt counts (DM-18, DM-20).
import { equalBytes, hex } from '@dumpstack/bytes'
import {
  type LostRequest,
  type Profile,
  SRB_STATUS_PENDING,
  SRB_STATUS_SUCCESS,
  STATUS_IO_DEVICE_ERROR,
  STATUS_IO_TIMEOUT,
  STATUS_SUCCESS,
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

interface SendOptions {
  /** Success means that data is on the disk. */
  readonly isWrite?: boolean
  /** A bus reset is asked for while it runs. */
  readonly resetsBus?: boolean
}

export class PolledSrb {
  readonly block: GuestBlock
  /** One line: why the last SRB failed. */
  failure = ''
  readonly #environment: CrashEnvironment
  readonly #adapter: DumpAdapter
  readonly place: ScsiPlace
  readonly #timeoutSeconds: number
  readonly #pollMicroseconds: number
  readonly #lostRequest: LostRequest
  #builder: SrbBuilder | null = null
  #isActive = false
  #isComplete = true
  #completedBefore = 0
  #isWrite = false
  #byteLength = 0
  /** The SRB as the miniport gave it back. */
  readonly #asCompleted = new Uint8Array(SRB_BYTES)
  readonly #bytes: Uint8Array
  /** The miniport has completed it, and not touched it since. */
  #isGivenBack = false
  /** Registers that HwBuildIo and HwStartIo wrote for the last one. */
  startWrites = 0

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
    this.#lostRequest = profile.lostRequest
    this.block = memory.need(SRB_BYTES)
    const { buffer, byteOffset } = this.block.view
    this.#bytes = new Uint8Array(buffer, byteOffset, SRB_BYTES)
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
    this.#byteLength = byteLength
    this.#isGivenBack = false
  }

  /** STATUS_SUCCESS, STATUS_IO_DEVICE_ERROR (worth another try) or STATUS_IO_TIMEOUT (the miniport still has the SRB). */
  send(name: string, { isWrite = false, resetsBus = false }: SendOptions = {}): number {
    const environment = this.#environment
    this.#isActive = true
    this.#isComplete = false
    this.#isWrite = isWrite
    this.#completedBefore = environment.machine.evidence.completionCount
    const writesBefore = environment.registerWrites
    const isPending = this.#start()
    this.startWrites = environment.registerWrites - writesBefore
    if (resetsBus) this.#resetBus()
    const ended = !isPending || this.#poll(this.#timeoutSeconds + this.#lostRequest.patienceSeconds)
    if (!ended) {
      this.failure = `${name} did not complete within ${this.#timeoutSeconds} s`
      if (this.#recovers(name, resetsBus)) return STATUS_IO_DEVICE_ERROR
      this.#isActive = false
      return STATUS_IO_TIMEOUT
    }
    this.#isActive = false
    if (!this.#isComplete) {
      this.failure = `${name} was refused by HwStartIo`
      return STATUS_IO_DEVICE_ERROR
    }
    if (this.srbStatus === SRB_STATUS_SUCCESS) return STATUS_SUCCESS
    this.failure = `${name} ended with ${this.builder.outcome(null)}`
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
      this.#isComplete = true
      if (this.srbStatus === SRB_STATUS_PENDING) {
        this.#environment.violate('DM-38', call, 'an SRB was completed with SRB_STATUS_PENDING')
        return
      }
      if (this.#isWrite) this.#judgeEnd(call)
      this.#isGivenBack = true
      this.#asCompleted.set(this.#bytes)
    }
  }

  /** After each call of a routine. */
  #judgeGivenBack(): void {
    if (!this.#isGivenBack || equalBytes(this.#bytes, this.#asCompleted)) return
    this.#isGivenBack = false
    const at = this.#bytes.findIndex((byte, index) => byte !== this.#asCompleted[index])
    const { entryPoint } = this.#environment
    const what = `${entryPoint} wrote to an SRB, from offset ${hex(at)} on, that was completed before: it is the port's again`
    this.#environment.violate('completed-srb', entryPoint, what)
  }

  /**
   * Success needs an end that the controller has reported, and data on the disk; a device that lies has reported one. Whatever else a
   * request ends with, the controller may not be at it any more: its memory is the port's again.
   */
  #judgeEnd(call: string): void {
    const { machine, dma, controller } = this.#environment
    if (this.srbStatus !== SRB_STATUS_SUCCESS) {
      if (machine.evidence.controllers.every(({ outstandingCount }) => outstandingCount === 0)) return
      dma.endedEarly()
      const what = `a WRITE was completed with ${this.builder.outcome(null)} while ${controller.name} still ran it`
      this.#environment.violate('early-completion', call, what, 'warning')
      return
    }
    const { dataTransferLength } = this.builder
    if (dataTransferLength !== this.#byteLength) {
      const what = `a WRITE of ${hex(this.#byteLength)} bytes was completed with success and DataTransferLength ${hex(dataTransferLength)}, expected ${hex(this.#byteLength)}`
      this.#environment.violate('transfer-length', call, what, 'warning')
    }
    const isReported = machine.evidence.completionCount !== this.#completedBefore
    if (
      dma.hasMoved() ||
      (isReported && machine.evidence.controllers.every(({ outstandingCount }) => outstandingCount === 0))
    )
      return
    dma.endedEarly()
    const what = `a WRITE was completed with success before ${controller.name} had ended it: its data was not on the disk`
    this.#environment.violate('early-completion', call, what)
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
      this.#judgeGivenBack()
      if (!goesOn) return !this.#isComplete
    }
    environment.enter('HwStartIo')
    const isTaken = data.hwStartIo(deviceExtension, block)
    environment.leave()
    this.#judgeGivenBack()
    return isTaken && !this.#isComplete
  }

  #poll(seconds: number): boolean {
    const { data, deviceExtension } = this.#adapter
    const environment = this.#environment
    const { machine } = environment
    const giveUpAt = machine.nowNs + seconds * 1e9
    const slowFrom = machine.nowNs + FAST_POLL_NS
    for (;;) {
      environment.enter('HwInterrupt')
      data.hwInterrupt(deviceExtension)
      environment.leave()
      this.#judgeGivenBack()
      if (this.#isComplete) return true
      const { nowNs } = machine
      if (nowNs >= giveUpAt) return false
      machine.stall(nowNs < slowFrom ? this.#pollMicroseconds : SLOW_POLL_MICROSECONDS)
    }
  }

  /** DM-19: the command has ended, and the routine that was asked again and again did not see it. */
  #blame(name: string): boolean {
    const { completionCount } = this.#environment.machine.evidence
    if (completionCount === this.#completedBefore) return false
    const what = `the controller has reported the end of ${name}, but HwInterrupt did not complete it in ${this.#timeoutSeconds} s of polling`
    this.#environment.violate('DM-19', 'HwInterrupt', what)
    return true
  }

  /** After a time-out: whether the request came back in the reset, and can be sent again. */
  #recovers(name: string, wasReset: boolean): boolean {
    const { machine } = this.#environment
    const { resend, waitsForKept } = this.#lostRequest
    const isBlamed = this.#blame(name)
    const touched = wasReset ? 0 : this.#resetBus()
    if (!this.#isComplete) {
      const what = `HwResetBus left ${name} pending, which has not ended: `
      if (isBlamed) return false
      if (waitsForKept)
        this.#environment.violate('DM-37', 'HwResetBus', `${what}this port waits for it for ever`)
      else if (touched === 0) {
        const others = 'this port gives up, that of Windows Server 2003 waits for it for ever'
        this.#environment.violate('DM-37', 'HwResetBus', what + others, 'note')
      }
      return false
    }
    if (resend === null) return false
    if (!isBlamed && machine.faults.isEmpty) {
      const what = `${name} did not end in ${this.#timeoutSeconds} s, although the device had no fault: it came back in the reset of the bus, and is sent again`
      this.#environment.violateInRequest('request-timeout', name, what, 'warning')
    }
    this.#isActive = false
    machine.stall(resend.stallSeconds * 1e6)
    this.#pollIdle(resend.pollSeconds)
    machine.stall(resend.settleSeconds * 1e6)
    return true
  }

  #pollIdle(seconds: number): void {
    const { machine } = this.#environment
    for (
      const until = machine.nowNs + seconds * 1e9;
      machine.nowNs < until;
      machine.stall(SLOW_POLL_MICROSECONDS)
    ) {
      this.#environment.enter('HwInterrupt')
      this.#adapter.data.hwInterrupt(this.#adapter.deviceExtension)
      this.#environment.leave()
    }
  }

  /** DM-37: the port asks for a bus reset, which a dump miniport must only nod at. How many registers it wrote. */
  #resetBus(): number {
    const { data, deviceExtension } = this.#adapter
    const environment = this.#environment
    const before = environment.registerWrites
    environment.enter('HwResetBus')
    const isDone = environment.inReset(() => data.hwResetBus(deviceExtension, this.place.pathId))
    const touched = environment.registerWrites - before
    if (!isDone) environment.violate('DM-37', 'HwResetBus', 'HwResetBus returned FALSE, expected TRUE')
    if (touched > 0) {
      const what = `HwResetBus wrote ${touched} registers, expected none`
      environment.violate('DM-37', 'HwResetBus', what, 'warning')
    }
    environment.leave()
    return touched
  }
}

// An AHCI host bus adapter as Intel's ICH9 has it (8086:2922, class 010601), AHCI 1.3.1: its PCI function, the generic
// host control registers (section 3.1) and the interrupt, by line or message (section 10.7). Each disk is on a port of its own.
import {
  AHCI_BOHC,
  AHCI_CAP,
  AHCI_CAP2,
  AHCI_CCC_CTL,
  AHCI_CCC_PORTS,
  AHCI_EM_CTL,
  AHCI_EM_LOC,
  AHCI_GHC,
  AHCI_IS,
  AHCI_PI,
  AHCI_PORT_BYTES,
  AHCI_PORTS,
  AHCI_VENDOR,
  AHCI_VS,
  AHCI_VS_1_3_1,
  CAP_ISS_SHIFT,
  CAP_NCS_SHIFT,
  CAP_S64A,
  CAP_SCLO,
  CAP_SNCQ,
  CAP_SSS,
  GHC_AE,
  GHC_HR,
  GHC_IE,
  PCI_CLASS_AHCI,
  PxSSTS_SPD_GEN3,
} from '@dumpstack/registers'
import { ClockEvent, type VirtualClock } from '../../clock.ts'
import { AtaDevice } from '../../disk/ata-device.ts'
import type { BeyondLimit } from '../../evidence.ts'
import {
  type ControllerState,
  type DwordRegisters,
  merge,
  PciConfig,
  type PciFunction,
  powerManagement,
  readDwords,
  writeDwords,
} from '../../pci.ts'
import type { DmaRam } from '../../ram.ts'
import type { Attachment } from '../controller-model.ts'
import type { ControllerParts } from '../controller-parts.ts'
import { MSI_CAPABILITY, Msi } from './msi.ts'
import { AhciPort, type PortHost } from './port.ts'
import { type AhciSettings, PORT_COUNT } from './settings.ts'

const WINDOW_BYTES = 0x1000

/** No legacy interface is modelled, but SAM is 0 as on ICH9, so that software has to set GHC.AE. */
function capabilities({ slots, ncq, addresses64, staggeredSpinUp }: AhciSettings): number {
  let cap = (PORT_COUNT - 1) | ((slots - 1) << CAP_NCS_SHIFT) | (PxSSTS_SPD_GEN3 << CAP_ISS_SHIFT) | CAP_SCLO
  if (ncq === 'on') cap |= CAP_SNCQ
  if (addresses64 === 'on') cap |= CAP_S64A
  if (staggeredSpinUp === 'on') cap |= CAP_SSS
  return cap >>> 0
}

const UNIMPLEMENTED: Readonly<Record<number, string>> = {
  [AHCI_CCC_CTL]: 'CCC_CTL',
  [AHCI_CCC_PORTS]: 'CCC_PORTS',
  [AHCI_EM_LOC]: 'EM_LOC',
  [AHCI_EM_CTL]: 'EM_CTL',
  [AHCI_BOHC]: 'BOHC',
}

export class AhciHba implements PciFunction, DwordRegisters, PortHost, ControllerState {
  readonly name: string
  readonly bdf: number
  readonly interruptVector: number
  readonly clock: VirtualClock
  readonly ram: DmaRam
  readonly config: PciConfig
  readonly settings: AhciSettings
  readonly #cap: number
  /** PI */
  readonly #implemented: number
  readonly #msi: Msi
  readonly #parts: ControllerParts
  /** Null: not implemented. */
  readonly #ports: readonly (AhciPort | null)[]
  readonly #resetEnds = new ClockEvent(() => {
    this.#isResetting = false
  })
  #isEnabled = false
  #interruptsEnabled = false
  #isResetting = false
  #is = 0

  constructor(settings: AhciSettings, attachments: readonly Attachment[], parts: ControllerParts) {
    this.settings = settings
    this.#cap = capabilities(settings)
    this.config = new PciConfig({
      vendorId: 0x8086,
      deviceId: 0x2922,
      revisionId: 0x02,
      classCode: PCI_CLASS_AHCI,
      subsystemVendorId: 0x8086,
      subsystemId: 0x2922,
      windows: [{ bar: 5, kind: 'memory', byteLength: WINDOW_BYTES }],
      capabilities: [...(settings.msi === 'on' ? [MSI_CAPABILITY] : []), powerManagement(0x70)],
    })
    this.name = parts.name
    this.bdf = parts.bdf
    this.interruptVector = parts.interruptVector
    this.clock = parts.clock
    this.ram = parts.ram
    this.#parts = parts
    this.#msi = new Msi(this.config, parts.onMessage)
    const places = attachments.map((attachment) => attachment.port ?? 0)
    this.#implemented = places.reduce((ports, port) => ports | (1 << port), settings.portsImplemented)
    this.#ports = Array.from({ length: PORT_COUNT }, (_, port) => {
      if ((this.#implemented & (1 << port)) === 0) return null
      const block = attachments[places.indexOf(port)]
      return new AhciPort(this, block === undefined ? null : new AtaDevice(block.device, settings, parts))
    })
    parts.faults.onLinkChange.push(() => {
      for (const port of this.#ports) port?.linkChanged()
    })
  }

  powerOn(): void {
    this.config.reset()
    this.clock.disarm(this.#resetEnds)
    this.#isResetting = this.#isEnabled = this.#interruptsEnabled = false
    for (const port of this.#ports) port?.powerOn()
    this.#is = 0
  }

  get state(): ControllerState {
    return this
  }

  get takesRequests(): boolean {
    return this.#ports.some((port) => port?.isRunning === true)
  }

  get interrupts(): ControllerState['interrupts'] {
    if (!this.#interruptsEnabled || !this.#ports.some((port) => port?.hasInterrupts)) return 'off'
    return this.#msi.isEnabled ? 'message' : 'line'
  }

  get resetCount(): number {
    return this.#ports.reduce((count, port) => count + (port?.resetCount ?? 0), 0)
  }

  get isBusMaster(): boolean {
    return this.config.isBusMaster
  }

  configReading(): void {}

  configWritten(): void {
    for (const port of this.#ports) port?.busMasterChanged()
  }

  get isInterrupting(): boolean {
    return this.#interruptsEnabled && this.#is !== 0 && !this.#msi.isEnabled
  }

  get isInterruptEnabled(): boolean {
    const mayLeave = this.#msi.isEnabled ? this.isBusMaster : !this.config.isInterruptDisabled
    return this.#interruptsEnabled && mayLeave && this.#ports.some((port) => port?.hasInterrupts === true)
  }

  /** IS.IPS is set while PxIS & PxIE is not 0, and stays set until software clears it (section 3.1.3). */
  interruptChanged(): void {
    const before = this.#is
    for (let index = 0; index < PORT_COUNT; index++) {
      if (this.#ports[index]?.isInterrupting) this.#is |= 1 << index
    }
    // Section 10.7.2.1: a message for a bit that is set anew.
    if (this.#interruptsEnabled && (this.#is & ~before) !== 0) this.#msi.signal()
  }

  isLinkDown(): boolean {
    return this.#parts.faults.isLinkDown(this.name)
  }

  countComreset(): void {
    this.#parts.faults.countComreset(this.name)
  }

  slowResetNs(): number {
    return this.#parts.faults.slowResetNs(this.name)
  }

  note(register: string, access: 'read' | 'write'): void {
    this.#parts.notModelled.note(this.name, register, access)
  }

  commandWork(entryCount: number): void {
    this.#parts.work.command(entryCount)
  }

  readWindow(_bar: number, offset: number, size: number): number {
    return readDwords(this, offset, size)
  }

  writeWindow(_bar: number, offset: number, size: number, value: number): void {
    writeDwords(this, offset, size, value)
  }

  onRefused(refused: BeyondLimit): void {
    this.#parts.onRefused(refused)
  }

  onOverlap(message: string): void {
    this.#parts.onOverlap(message)
  }

  onStopped(reason: string): void {
    this.#parts.onStopped(reason)
  }

  onCompletion(): void {
    this.#parts.onCompletion()
  }

  readRegister(offset: number): number {
    if (offset >= AHCI_PORTS) {
      const port = this.#portAt(offset, 'read')
      return port === null ? 0 : port.read(offset % AHCI_PORT_BYTES)
    }
    switch (offset) {
      case AHCI_CAP:
        return this.#cap
      case AHCI_GHC:
        return (
          ((this.#isEnabled ? GHC_AE : 0) |
            (this.#interruptsEnabled ? GHC_IE : 0) |
            (this.#isResetting ? GHC_HR : 0)) >>>
          0
        )
      case AHCI_IS:
        return this.#is
      case AHCI_PI:
        return this.#implemented
      case AHCI_VS:
        return AHCI_VS_1_3_1
      case AHCI_CAP2:
        return 0
      default:
        this.#noteReserved(offset, 'read')
        return 0
    }
  }

  writeRegister(offset: number, value: number, mask: number): void {
    if (offset === AHCI_GHC) {
      this.#writeControl(value, mask)
      return
    }
    // software sets AE before it uses other registers (section 3.1.2) and leaves them alone during a reset
    if (!this.#isEnabled || this.#isResetting) {
      if (this.#isResetting) this.#refuseWrite()
      else this.note('writes while GHC.AE is 0', 'write')
      return
    }
    if (offset >= AHCI_PORTS) {
      this.#portAt(offset, 'write')?.write(offset % AHCI_PORT_BYTES, value, mask)
      return
    }
    switch (offset) {
      case AHCI_IS:
        this.#is &= ~(value & mask)
        this.interruptChanged()
        break
      case AHCI_CAP: // writable once by firmware only (section 3.1.1)
      case AHCI_PI:
      case AHCI_VS:
      case AHCI_CAP2:
        break
      default:
        this.#noteReserved(offset, 'write')
    }
  }

  #writeControl(value: number, mask: number): void {
    if (this.#isResetting) {
      this.#refuseWrite()
      return
    }
    if ((value & mask & GHC_HR) !== 0) {
      this.#reset()
      return
    }
    const next = merge(this.readRegister(AHCI_GHC), value, mask)
    this.#isEnabled = (next & GHC_AE) !== 0
    const wasEnabled = this.#interruptsEnabled
    this.#interruptsEnabled = (next & GHC_IE) !== 0
    if (this.#interruptsEnabled && !wasEnabled && this.#is !== 0) this.#msi.signal()
  }

  #refuseWrite(): void {
    const what = 'a write of a register before the HBA reset has ended'
    this.#parts.onRefused({ limit: 'GHC.HR at its end', allowed: 0, found: 1, what })
  }

  /** Section 10.4.3: GHC, IS and the ports go to their reset values; PxCLB and PxFB stay. */
  #reset(): void {
    this.#isEnabled = this.#interruptsEnabled = false
    this.#isResetting = true
    for (const port of this.#ports) port?.hbaReset()
    this.#is = 0
    this.clock.arm(this.#resetEnds, this.clock.nowNs + this.settings.resetNs)
  }

  #portAt(offset: number, access: 'read' | 'write'): AhciPort | null {
    const index = Math.floor((offset - AHCI_PORTS) / AHCI_PORT_BYTES)
    const port = this.#ports[index]
    if (port !== undefined && port !== null) return port
    this.note(`registers of port ${index}`, access)
    return null
  }

  #noteReserved(offset: number, access: 'read' | 'write'): void {
    const name = UNIMPLEMENTED[offset] ?? (offset >= AHCI_VENDOR ? 'vendor specific registers' : undefined)
    if (name !== undefined) this.note(name, access)
  }
}

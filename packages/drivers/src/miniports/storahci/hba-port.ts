// One port of the HBA: starting and stopping its engines, resetting the link. Serial ATA AHCI 1.3.1, sections 10.1.2,
// 10.3 and 10.4. Every wait is bounded and made of stalls, so that it works with and without interrupts.
import { highHalf, lowHalf } from '@dumpstack/bytes'
import {
  AHCI_PORT_BYTES,
  AHCI_PORTS,
  ATA_STATUS_BSY,
  ATA_STATUS_DRQ,
  PxCLB,
  PxCLBU,
  PxCMD,
  PxCMD_CLO,
  PxCMD_CR,
  PxCMD_FR,
  PxCMD_FRE,
  PxCMD_POD,
  PxCMD_ST,
  PxCMD_SUD,
  PxFB,
  PxFBU,
  PxIE,
  PxIS,
  PxSCTL,
  PxSCTL_DET_COMRESET,
  PxSCTL_DET_MASK,
  PxSERR,
  PxSSTS,
  PxSSTS_DET_ESTABLISHED,
  PxSSTS_DET_MASK,
  PxTFD,
} from '@dumpstack/registers'
import type { DeviceRegisters, PortExports } from '../../miniport.ts'

const ALL_ONES = 0xffffffff
const ENGINE_STOP_MS = 500 // 10.1.2: PxCMD.CR and FR clear within 500 ms
const COMRESET_MS = 1 // 10.4.2: DET = 1 for at least 1 ms
const LINK_MS = 1000
const DEVICE_READY_MS = 10_000

export class HbaPort {
  readonly #registers: DeviceRegisters
  readonly #port: PortExports
  readonly #base: number

  constructor(registers: DeviceRegisters, port: PortExports, number: number) {
    this.#registers = registers
    this.#port = port
    this.#base = AHCI_PORTS + number * AHCI_PORT_BYTES
  }

  read(register: number): number {
    return this.#registers.read32(this.#base + register)
  }

  write(register: number, value: number): void {
    this.#registers.write32(this.#base + register, value)
  }

  /** 10.3.2 and 10.1.2: ST, then FRE. False when an engine does not stop. */
  stop(): boolean {
    this.write(PxCMD, this.read(PxCMD) & ~PxCMD_ST)
    if (!this.#clears(PxCMD, PxCMD_CR, ENGINE_STOP_MS)) return false
    this.write(PxCMD, this.read(PxCMD) & ~PxCMD_FRE)
    return this.#clears(PxCMD, PxCMD_FR, ENGINE_STOP_MS)
  }

  /** Gives the port its memory and starts the FIS engine. The engines must have stopped. */
  place(commandList: number, receivedFis: number): void {
    this.write(PxCLB, lowHalf(commandList))
    this.write(PxCLBU, highHalf(commandList))
    this.write(PxFB, lowHalf(receivedFis))
    this.write(PxFBU, highHalf(receivedFis))
    this.write(PxSERR, ALL_ONES)
    this.write(PxIS, ALL_ONES)
    this.write(PxCMD, this.read(PxCMD) | PxCMD_FRE | PxCMD_SUD | PxCMD_POD)
  }

  get linkIsUp(): boolean {
    return (this.read(PxSSTS) & PxSSTS_DET_MASK) === PxSSTS_DET_ESTABLISHED
  }

  /** Waits for the link; false when nothing answers in time. `extraMs`: DM-31. */
  awaitLink(extraMs: number): boolean {
    for (let ms = 0; ms < LINK_MS + extraMs; ms++) {
      if (this.linkIsUp) return true
      this.#port.stallExecution(1000)
    }
    return false
  }

  /** COMRESET (10.4.2); ST must be 0. */
  resetLink(): void {
    const control = this.read(PxSCTL) & ~PxSCTL_DET_MASK
    this.write(PxSCTL, control | PxSCTL_DET_COMRESET)
    this.#port.stallExecution(COMRESET_MS * 1000)
    this.write(PxSCTL, control)
  }

  /** After link and FIS engine are up: waits for the device and starts the command engine. */
  start(): boolean {
    this.write(PxSERR, ALL_ONES)
    if (!this.#clears(PxTFD, ATA_STATUS_BSY | ATA_STATUS_DRQ, DEVICE_READY_MS)) return false
    this.write(PxIS, ALL_ONES)
    this.write(PxCMD, this.read(PxCMD) | PxCMD_ST)
    return true
  }

  /** Error recovery (6.2.2): commands that were issued are gone afterwards. False when the device does not come back. */
  recover(extraMs: number): boolean {
    const enabled = this.read(PxIE)
    this.write(PxIE, 0)
    this.write(PxCMD, this.read(PxCMD) & ~PxCMD_ST)
    if (!this.#clears(PxCMD, PxCMD_CR, ENGINE_STOP_MS)) {
      this.write(PxCMD, this.read(PxCMD) | PxCMD_CLO)
      if (!this.#clears(PxCMD, PxCMD_CLO, ENGINE_STOP_MS)) return false
    }
    this.resetLink()
    const isBack = this.awaitLink(extraMs) && this.start()
    this.write(PxIE, enabled)
    return isBack
  }

  #clears(register: number, bits: number, timeoutMs: number): boolean {
    for (let ms = 0; ms <= timeoutMs; ms++) {
      if ((this.read(register) & bits) === 0) return true
      this.#port.stallExecution(1000)
    }
    return false
  }
}

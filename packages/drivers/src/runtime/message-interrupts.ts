// Interrupt messages of a PCI function, as pci.sys assigns them when it starts a device: MSI-X where the function has it, else MSI
// (PCI Local Bus 3.0, section 6.8).
import { gpa } from '@dumpstack/bytes'
import type { Bdf, Machine } from '@dumpstack/machine'
import {
  PCI_CAPABILITIES_POINTER,
  PCI_CAPABILITY_ID_MSI,
  PCI_CAPABILITY_ID_MSIX,
  PCI_MSI_ADDRESS,
  PCI_MSI_ADDRESS_HIGH,
  PCI_MSI_CONTROL_64BIT,
  PCI_MSI_CONTROL_ENABLE,
  PCI_MSI_DATA,
  PCI_MSIX_BIR,
  PCI_MSIX_CONTROL_ENABLE,
  PCI_MSIX_CONTROL_TABLE_SIZE,
  PCI_MSIX_ENTRY_BYTES,
  PCI_MSIX_ENTRY_CONTROL,
  PCI_MSIX_ENTRY_DATA,
  PCI_MSIX_TABLE,
} from '@dumpstack/registers'
import type { MessageInterrupt } from '../miniport.ts'
import type { PciRange } from './pci-device.ts'

/** Fixed delivery to the first processor; the vector is the data (Intel SDM volume 3, 11.11). */
const MESSAGE_ADDRESS = 0xfee00000
// Our choice: above the vectors of lines, sixteen for each controller.
const FIRST_VECTOR = 0xa0
const MAX_MESSAGES = 16
/** A list that goes round ends here. */
const MAX_CAPABILITIES = 48

interface Capability {
  readonly at: number
  readonly control: number
}

/** Programs and enables the function's messages; none where it has no capability for them. */
export function assignMessages(
  machine: Machine,
  bdf: Bdf,
  ranges: readonly (PciRange | null)[],
): readonly MessageInterrupt[] {
  const index = machine.controllers.findIndex((controller) => controller.bdf === bdf)
  const message = (messageId: number): MessageInterrupt => {
    const vector = FIRST_VECTOR + (index * MAX_MESSAGES + messageId)
    return { messageId, address: gpa(MESSAGE_ADDRESS), data: vector, vector }
  }
  const msix = findCapability(machine, bdf, PCI_CAPABILITY_ID_MSIX)
  if (msix !== null) {
    const count = Math.min((msix.control & PCI_MSIX_CONTROL_TABLE_SIZE) + 1, MAX_MESSAGES)
    const messages = Array.from({ length: count }, (_, messageId) => message(messageId))
    return programTable(machine, bdf, msix, ranges, messages) ? messages : []
  }
  const msi = findCapability(machine, bdf, PCI_CAPABILITY_ID_MSI)
  if (msi === null) return []
  programMessage(machine, bdf, msi, message(0))
  return [message(0)]
}

/** Back to the line. */
export function disableMessages({ bus }: Machine, bdf: Bdf): void {
  const machine = { bus }
  for (const [id, enable] of [
    [PCI_CAPABILITY_ID_MSIX, PCI_MSIX_CONTROL_ENABLE],
    [PCI_CAPABILITY_ID_MSI, PCI_MSI_CONTROL_ENABLE],
  ] as const) {
    const found = findCapability(machine, bdf, id)
    if (found !== null) setControl(machine, bdf, found, found.control & ~enable)
  }
}

function programTable(
  { bus }: Machine,
  bdf: Bdf,
  capability: Capability,
  ranges: readonly (PciRange | null)[],
  messages: readonly MessageInterrupt[],
): boolean {
  const table = bus.config32(bdf, capability.at + PCI_MSIX_TABLE)
  const range = ranges[table & PCI_MSIX_BIR]
  if (!range?.isMemory) return false
  for (const { messageId, address, data } of messages) {
    const entry = range.base + (table & ~PCI_MSIX_BIR) + messageId * PCI_MSIX_ENTRY_BYTES
    bus.write32(gpa(entry), address)
    bus.write32(gpa(entry + 4), 0)
    bus.write32(gpa(entry + PCI_MSIX_ENTRY_DATA), data)
    bus.write32(gpa(entry + PCI_MSIX_ENTRY_CONTROL), 0)
  }
  setControl({ bus }, bdf, capability, capability.control | PCI_MSIX_CONTROL_ENABLE)
  return true
}

function programMessage({ bus }: Machine, bdf: Bdf, capability: Capability, message: MessageInterrupt): void {
  const { at, control } = capability
  const is64Bit = (control & PCI_MSI_CONTROL_64BIT) !== 0
  bus.setConfig32(bdf, at + PCI_MSI_ADDRESS, message.address)
  if (is64Bit) bus.setConfig32(bdf, at + PCI_MSI_ADDRESS_HIGH, 0)
  // Where the address has no upper half, the data takes its place.
  bus.setConfig32(bdf, at + (is64Bit ? PCI_MSI_DATA : PCI_MSI_ADDRESS_HIGH), message.data)
  setControl({ bus }, bdf, capability, control | PCI_MSI_CONTROL_ENABLE)
}

function setControl({ bus }: Pick<Machine, 'bus'>, bdf: Bdf, { at }: Capability, control: number): void {
  const low = bus.config32(bdf, at) & 0xffff
  bus.setConfig32(bdf, at, (low | (control << 16)) >>> 0)
}

function findCapability({ bus }: Pick<Machine, 'bus'>, bdf: Bdf, id: number): Capability | null {
  let at = bus.config32(bdf, PCI_CAPABILITIES_POINTER) & 0xfc
  for (let seen = 0; at !== 0 && seen < MAX_CAPABILITIES; seen++) {
    const head = bus.config32(bdf, at)
    if ((head & 0xff) === id) return { at, control: head >>> 16 }
    at = (head >>> 8) & 0xfc
  }
  return null
}

// The machine and the commands that tests of the HBA share, from ACS-3 and AHCI 1.3.1.
import { RawAhci, rawBusOf } from '@dumpstack/testkit'
import { BUFFER, DRIVER_MEMORY, pattern, TEST_BDF, testMachine } from '../../test-machine.ts'
import type { Settings } from '../controller-model.ts'

export function made(settings: Partial<Settings> = {}, port = 0) {
  const { machine, disk } = testMachine({ settings, port })
  const ahci = new RawAhci(rawBusOf(machine), TEST_BDF, DRIVER_MEMORY, port)
  return { machine, disk, ahci }
}

/** With its port running, and a pattern in the buffer. */
export function started(settings: Partial<Settings> = {}, port = 0) {
  const parts = made(settings, port)
  parts.ahci.startPort()
  parts.machine.ram.write(BUFFER, pattern(8192, 1))
  return parts
}

/** WRITE DMA EXT of the buffer. */
export const write = (at: number, count = 1) => ({
  command: 0x35,
  isWrite: true,
  lba: at,
  count,
  segments: [{ at: BUFFER, byteLength: count * 512 }],
})

/** WRITE FPDMA QUEUED of 4 KiB of the buffer. */
export const queued = (slot: number, at: number) => ({
  command: 0x61,
  isWrite: true,
  lba: at,
  features: 8,
  count: slot << 3,
  segments: [{ at: BUFFER, byteLength: 4096 }],
})

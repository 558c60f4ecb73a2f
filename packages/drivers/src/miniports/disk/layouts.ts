// What every disk miniport keeps in its device extension: an area of its own between two parts that it shares with the others.
import { array, defineStruct, size64, u8, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const MAX_SLOTS = 32

/** Bytes from OWN_FACTS on are the miniport's own. */
export const DiskExtension = defineStruct('DISK_ADAPTER_EXTENSION', 0x180, {
  dumpMode: u8(0x00),
  isReady: u8(0x01),
  /** Requests that may be in flight. */
  slots: u8(0x02),
  /** A bit for each slot whose request has not completed. */
  outstanding: u32(0x04),
  sectorBytes: u32(0x08),
  logicalPerPhysicalExponent: u32(0x0c),
  sectorCount: size64(0x10),
  /** The SRB of each slot. */
  slotSrb: array(0x80, MAX_SLOTS, u64),
})
export type DiskExtension = ViewOf<typeof DiskExtension>
export const SLOT_SRB = 0x80

export const OWN_FACTS = 0x20
export const OWN_FACTS_BYTES = SLOT_SRB - OWN_FACTS

/** What these miniports take in one request, and the physical breaks for it where it starts inside a page. */
export const MAX_TRANSFER_LENGTH = 0x20000
export const MAX_PHYSICAL_BREAKS = 0x21

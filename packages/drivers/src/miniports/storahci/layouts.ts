// What storahci keeps in guest RAM: its device extension, its uncached extension, the context that the runtime instance
// leaves for the dump instance, and the part of an SRB extension that holds a command table. Layouts are our own.
import { defineStruct, size64, u8, u32, type ViewOf } from '@dumpstack/bytes'
import {
  ATA_LOG_PAGE_BYTES,
  COMMAND_LIST_BYTES,
  COMMAND_TABLE_PRDT,
  PrdtEntry,
  RECEIVED_FIS_BYTES,
} from '@dumpstack/registers'
import { MAX_PHYSICAL_BREAKS, OWN_FACTS_BYTES } from '../disk/layouts.ts'

/** The miniport's own part of the device extension. */
export const AhciFacts = defineStruct('AHCI_ADAPTER_FACTS', OWN_FACTS_BYTES, {
  portNumber: u8(0x00),
  supportsNcq: u8(0x01),
  cap: u32(0x04),
  /** Device id << 16 | vendor id. */
  deviceAndVendor: u32(0x08),
  abarLength: u32(0x0c),
  abar: size64(0x10),
  /** Of the slots that are outstanding, those with NCQ. */
  queued: u32(0x18),
})
export type AhciFacts = ViewOf<typeof AhciFacts>

// The uncached extension, from a boundary of 1 KiB on
export const UNCACHED_COMMAND_LIST = 0
export const UNCACHED_RECEIVED_FIS = UNCACHED_COMMAND_LIST + COMMAND_LIST_BYTES
export const UNCACHED_IDENTIFY = UNCACHED_RECEIVED_FIS + RECEIVED_FIS_BYTES
/** Command table of the miniport's own commands. */
export const UNCACHED_COMMAND_TABLE = UNCACHED_IDENTIFY + ATA_LOG_PAGE_BYTES
export const UNCACHED_COMMAND_TABLE_BYTES = 0x180
export const UNCACHED_DUMP_CONTEXT = UNCACHED_COMMAND_TABLE + UNCACHED_COMMAND_TABLE_BYTES
export const UNCACHED_BYTES = UNCACHED_DUMP_CONTEXT + 0x40
export const UNCACHED_ALIGNMENT = 0x400

/** DM-35: facts of the bus and the disk's place, as the running instance found them. */
export const DumpContext = defineStruct('AHCI_DUMP_CONTEXT', 0x40, {
  signature: u32(0x00),
  portNumber: u8(0x04),
  deviceAndVendor: u32(0x08),
  abarLength: u32(0x0c),
  abar: size64(0x10),
})
export type DumpContext = ViewOf<typeof DumpContext>
export const DUMP_CONTEXT_SIGNATURE = 0x49434841 // AHCI

export const COMMAND_TABLE_ALIGNMENT = 0x80
export const SRB_EXTENSION_BYTES =
  COMMAND_TABLE_PRDT + MAX_PHYSICAL_BREAKS * PrdtEntry.size + COMMAND_TABLE_ALIGNMENT

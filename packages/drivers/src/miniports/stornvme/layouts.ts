// What stornvme keeps in guest RAM: its device extension, its queues and the identify data in the uncached extension or in the dump
// region, and the part of an SRB extension that holds a command. Layouts are our own; the entries are NVM Express 1.4, sections 4.2 to 4.6.
import { array, bytes, defineStruct, PAGE_SIZE, u8, u16, u32, type ViewOf } from '@dumpstack/bytes'
import { NVME_PRP_ENTRY_BYTES, NVME_SN_BYTES, NvmeCommand } from '@dumpstack/registers'
import { MAX_PHYSICAL_BREAKS, MAX_SLOTS, OWN_FACTS_BYTES } from '../disk/layouts.ts'

/** I/O queue pairs of the running system; a dump has one. */
export const MAX_PAIRS = 4
export const DUMP_PAIRS = 1
/** Entries of a queue: more than slots, and a page of submission entries. */
export const MAX_ENTRIES = PAGE_SIZE / NvmeCommand.size
/** Of the admin queue and of those of I/O. */
const QUEUES = MAX_PAIRS + 1

/** The miniport's own part of the device extension. */
export const NvmeFacts = defineStruct('STORNVME_ADAPTER_FACTS', OWN_FACTS_BYTES, {
  hasWriteCache: u8(0x00),
  pairs: u8(0x01),
  entries: u16(0x02),
  /** From one doorbell to the next. */
  doorbellStride: u32(0x04),
  maxTransferBytes: u32(0x08),
  /** Milliseconds that CSTS.RDY may take. */
  readyMs: u32(0x0c),
  serialNumber: bytes(0x10, NVME_SN_BYTES),
  /** By queue: the next entry of each ring, and the phase of the next completion. */
  tails: array(0x24, QUEUES, u16),
  heads: array(0x2e, QUEUES, u16),
  phases: array(0x38, QUEUES, u16),
  /** Of the model and of the firmware, as INQUIRY has them. */
  productId: bytes(0x42, 16),
  productRevision: bytes(0x52, 4),
})
export type NvmeFacts = ViewOf<typeof NvmeFacts>

// Pages from a boundary of a page on: identify data, then submission and completion entries of each queue, the admin queue first
export const MEMORY_IDENTIFY = 0
export const submissionsAt = (queue: number): number => (1 + queue * 2) * PAGE_SIZE
export const completionsAt = (queue: number): number => (2 + queue * 2) * PAGE_SIZE
export const memoryBytes = (pairs: number): number => submissionsAt(pairs + 1)
export const MEMORY_ALIGNMENT = PAGE_SIZE

/** The list of a transfer that begins inside a page: the first page is PRP1. On a boundary of its size it crosses none of a page. */
export const PRP_LIST_BYTES = (MAX_PHYSICAL_BREAKS - 1) * NVME_PRP_ENTRY_BYTES
// In an SRB extension, from a boundary of a list on: the list, then the command
export const REQUEST_COMMAND = PRP_LIST_BYTES
export const SRB_EXTENSION_BYTES = PRP_LIST_BYTES * 2 + NvmeCommand.size
/** Identifier of the miniport's own commands; a slot's is its number. */
export const OWN_CID = MAX_SLOTS

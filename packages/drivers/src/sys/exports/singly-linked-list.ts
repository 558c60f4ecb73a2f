// Storport's singly linked lists in the memory of the driver: a header as SLIST_HEADER of x64 (depth, sequence, address of the first entry),
// entries that begin with the address of the next one. Extended functions 35 to 39.
import { type Gva, gva } from '@dumpstack/bytes'
import { STOR_STATUS_SUCCESS } from '../../stor-status.ts'
import type { CallFrame } from '../call-frame.ts'
import type { ExtendedFunctions } from '../extended-function.ts'

const DEPTH_MASK = 0xffffn
const FIRST_AT = 8n
/** Below them lie flags of the header: entries begin at 16 bytes. */
const ADDRESS_MASK = ~0xfn

export const LIST_FUNCTIONS: ExtendedFunctions = {
  // (SListHead)
  InitializeSListHead: (call) => {
    setHeader(call, 0n, gva(0n))
    return STOR_STATUS_SUCCESS
  },
  // (SListHead, *Result): the whole list
  InterlockedFlushSList: (call) => {
    const first = firstOf(call)
    setHeader(call, 0n, gva(0n))
    call.memory.setU64(call.va(3), first)
    return STOR_STATUS_SUCCESS
  },
  // (SListHead, *Result)
  InterlockedPopEntrySList: (call) => {
    const first = firstOf(call)
    if (first !== 0n) setHeader(call, depthOf(call) - 1n, gva(call.memory.u64(first)))
    call.memory.setU64(call.va(3), first)
    return STOR_STATUS_SUCCESS
  },
  // (SListHead, SListEntry, *Result): the entry that was the first
  InterlockedPushEntrySList: (call) => {
    const first = firstOf(call)
    call.memory.setU64(call.va(3), first)
    setHeader(call, depthOf(call) + 1n, call.va(3))
    call.memory.setU64(call.va(4), first)
    return STOR_STATUS_SUCCESS
  },
  // (SListHead, *Depth)
  QueryDepthSList: (call) => {
    call.memory.setU16(call.va(3), Number(depthOf(call)))
    return STOR_STATUS_SUCCESS
  },
}

const firstOf = (call: CallFrame): Gva =>
  gva(call.memory.u64(gva(call.va(2) + FIRST_AT)) & BigInt.asUintN(64, ADDRESS_MASK))

const depthOf = (call: CallFrame): bigint => call.memory.u64(call.va(2)) & DEPTH_MASK

function setHeader(call: CallFrame, depth: bigint, first: Gva): void {
  const head = call.va(2)
  const sequence = (call.memory.u64(head) & ~DEPTH_MASK) + DEPTH_MASK + 1n
  call.memory.setU64(
    head,
    BigInt.asUintN(64, (BigInt.asUintN(64, sequence) & ~DEPTH_MASK) | (depth & DEPTH_MASK)),
  )
  call.memory.setU64(gva(head + FIRST_AT), first)
}

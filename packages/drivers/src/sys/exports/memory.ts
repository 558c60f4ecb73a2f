// The compiler's run time and its kernel names, served by whole spans: a driver that copies a page must not cost a page of
// instructions. Overlapping copies move as memmove does, whatever the name.
import { type Gva, gva } from '@dumpstack/bytes'
import type { CallFrame } from '../call-frame.ts'
import { type ExportFamily, exported } from './export.ts'

/** Bytes that one round moves. */
const ROUND = 0x1_0000
const NO_LIMIT = Number.MAX_SAFE_INTEGER
/** Of a search, that are tried at once. */
const PLACES = 0x400
/** Of characters, by the host. */
const COMPARISONS_PER_INSTRUCTION = 16

export const MEMORY_EXPORTS: ExportFamily = {
  memcpy: exported(3, moved),
  memmove: exported(3, moved),
  RtlCopyMemory: exported(3, moved),
  RtlMoveMemory: exported(3, moved),
  RtlCopyBytes: exported(3, moved),
  StorPortMoveMemory: exported(3, moved),
  ScsiPortMoveMemory: exported(3, moved),
  StorPortCopyMemory: exported(3, moved),
  memset: exported(3, (call) => fill(call, call.u64(2), call.u8(1))),
  RtlFillMemory: exported(3, (call) => fill(call, call.u64(1), call.u8(2))),
  RtlZeroMemory: exported(2, (call) => fill(call, call.u64(1), 0)),
  memcmp: exported(3, (call) => {
    const at = firstDifference(call, call.u64(2))
    if (at === null) return 0n
    return BigInt.asUintN(
      64,
      BigInt(call.memory.u8(gva(call.va(0) + at)) - call.memory.u8(gva(call.va(1) + at))),
    )
  }),
  // How many bytes are equal.
  RtlCompareMemory: exported(3, (call) => firstDifference(call, call.u64(2)) ?? call.u64(2)),
  strlen: exported(1, (call) => BigInt(call.memory.string(call.va(0)).length)),
  strcmp: exported(2, (call) => compare(call, NO_LIMIT, false)),
  strncmp: exported(3, (call) => compare(call, bound(call.u64(2)), false)),
  _stricmp: exported(2, (call) => compare(call, NO_LIMIT, true)),
  _strnicmp: exported(3, (call) => compare(call, bound(call.u64(2)), true)),
  strstr: exported(2, (call) => {
    const text = call.memory.string(call.va(0))
    const part = call.memory.string(call.va(1))
    const at = placeOf(call, text, part)
    return at < 0 ? 0n : call.u64(0) + BigInt(at)
  }),
  tolower: exported(1, (call) => BigInt(String.fromCharCode(call.u8(0)).toLowerCase().charCodeAt(0))),
  toupper: exported(1, (call) => BigInt(String.fromCharCode(call.u8(0)).toUpperCase().charCodeAt(0))),
}

function moved(call: CallFrame): bigint {
  return move(call, call.va(0), call.va(1), call.u64(2))
}

export function move(call: CallFrame, to: Gva, from: Gva, length: bigint): bigint {
  const isBackwards = to > from && to < from + length
  for (let done = 0n; done < length; ) {
    const round = length - done < BigInt(ROUND) ? length - done : BigInt(ROUND)
    const offset = isBackwards ? length - done - round : done
    const bytes = call.memory.bytes(gva(from + offset), Number(round))
    call.memory.write(gva(to + offset), bytes)
    done += round
  }
  return to
}

export function fill(call: CallFrame, length: bigint, value: number): bigint {
  return fillAt(call, call.va(0), length, value)
}

/** What one round writes, of the value that was asked for last. */
const filled = new Uint8Array(ROUND)

export function fillAt(call: CallFrame, to: Gva, length: bigint, value: number): bigint {
  if (filled[0] !== value) filled.fill(value)
  for (let done = 0n; done < length; done += BigInt(ROUND)) {
    const left = length - done
    call.memory.write(gva(to + done), left < BigInt(ROUND) ? filled.subarray(0, Number(left)) : filled)
  }
  return to
}

function firstDifference(call: CallFrame, length: bigint): bigint | null {
  const left: Gva = call.va(0)
  const right: Gva = call.va(1)
  for (let done = 0n; done < length; ) {
    const round = length - done < BigInt(ROUND) ? length - done : BigInt(ROUND)
    const a = call.memory.bytes(gva(left + done), Number(round))
    const b = call.memory.bytes(gva(right + done), Number(round))
    for (let at = equalWords(a, b); at < a.length; at++) if (a[at] !== b[at]) return done + BigInt(at)
    done += round
  }
  return null
}

/** Where `part` begins in `text`, -1 where it does not. At its worst all but the last characters are equal, at each place. */
function placeOf(call: CallFrame, text: string, part: string): number {
  for (let start = 0; start + part.length <= text.length; start += PLACES) {
    call.charge(Math.floor((PLACES * part.length) / COMPARISONS_PER_INSTRUCTION))
    const at = text.slice(start, start + PLACES + part.length - 1).indexOf(part)
    if (at >= 0) return start + at
  }
  return -1
}

/** How many bytes at the front of two arrays of their own are equal, by whole words. */
function equalWords(a: Uint8Array, b: Uint8Array): number {
  const count = a.length >> 2
  const left = new Int32Array(a.buffer, 0, count)
  const right = new Int32Array(b.buffer, 0, count)
  for (let at = 0; at < count; at++) if (left[at] !== right[at]) return at * 4
  return count * 4
}

function compare(call: CallFrame, length: number, ignoresCase: boolean): bigint {
  const text = (index: number): string => {
    const whole = call.memory.string(call.va(index), length)
    return ignoresCase ? whole.toLowerCase() : whole
  }
  const [left, right] = [text(0), text(1)]
  return left === right ? 0n : left < right ? 0xffff_ffff_ffff_ffffn : 1n
}

/** A count of the guest as a number; no text is longer. */
export const bound = (value: bigint): number => Number(value < BigInt(NO_LIMIT) ? value : BigInt(NO_LIMIT))

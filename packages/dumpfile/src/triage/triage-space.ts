// The memory of a minidump: no page tables, only the bytes that it keeps, each at the address where it lay.
import { type ByteSource, countBefore, type Gva, gva } from '@dumpstack/bytes'
import type { Absence, VirtualSpace } from '../virtual-space.ts'
import type { TriageBlock, TriageDump, TriageObject } from './triage-dump.ts'

export class TriageSpace implements VirtualSpace {
  readonly #file: ByteSource
  /** Ascending and not overlapping: where parts overlap, the one that starts first counts. */
  readonly #blocks: readonly TriageBlock[]

  constructor(file: ByteSource, dump: TriageDump) {
    this.#file = file
    this.#blocks = withoutOverlaps(memoryParts(dump))
  }

  read(address: Gva, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      const block = this.#blockAt(gva(address + BigInt(done)))
      if (block === null) break
      const inBlock = Number(address - block.address) + done // below the size of the file
      const length = Math.min(block.byteLength - inBlock, into.byteLength - done)
      const got = this.#file.read(block.offset + inBlock, into.subarray(done, done + length))
      done += got
      if (got < length) break
    }
    return done
  }

  absence(address: Gva): Absence | null {
    return this.#blockAt(address) === null ? 'notInDump' : null
  }

  /** A minidump has no physical memory. */
  translate(): null {
    return null
  }

  #blockAt(address: Gva): TriageBlock | null {
    const count = countBefore(this.#blocks.length, (i) => this.#blocks[i]!.address <= address)
    const block = this.#blocks[count - 1]
    return block !== undefined && address < block.address + BigInt(block.byteLength) ? block : null
  }
}

function memoryParts(dump: TriageDump): TriageBlock[] {
  const atAddress = (object: TriageObject | null): TriageBlock | null => {
    if (object === null || object.address === null) return null
    return { address: object.address, offset: object.offset, byteLength: object.byteLength }
  }
  return [
    ...dump.blocks,
    dump.callStack,
    dump.debuggerData,
    dump.dataPage,
    atAddress(dump.prcb),
    atAddress(dump.process),
    atAddress(dump.thread),
  ].filter((block) => block !== null)
}

function withoutOverlaps(parts: TriageBlock[]): TriageBlock[] {
  parts.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0))
  const blocks: TriageBlock[] = []
  let end = 0n
  for (const part of parts) {
    const partEnd = part.address + BigInt(part.byteLength)
    if (partEnd <= end) continue
    const cut = part.address < end ? Number(end - part.address) : 0 // below the size of the part
    blocks.push({
      address: gva(part.address + BigInt(cut)),
      offset: part.offset + cut,
      byteLength: part.byteLength - cut,
    })
    end = partEnd
  }
  return blocks
}

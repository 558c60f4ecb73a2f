// Guest memory as a stranger reads it: the Intel manual's page walk (SDM volume 3, 4.5) in plain 64-bit arithmetic, and
// LIST_ENTRY and UNICODE_STRING by the offsets of ntdef.h. Slow and simple, to judge the fast code by.

export interface PhysicalReader {
  read(gpa: number, into: Uint8Array): number
}

const PAGE = 4096
const FRAME = 0x000ffffffffff000n

export class GuestMemory {
  readonly ram: PhysicalReader
  readonly cr3: bigint

  constructor(ram: PhysicalReader, cr3: bigint) {
    this.ram = ram
    this.cr3 = cr3
  }

  /** The entries of all four levels; null where `va` is not mapped. */
  walk(va: bigint): [bigint, bigint, bigint, bigint] | null {
    const entries: bigint[] = []
    let table = this.cr3 & FRAME
    for (const shift of [39n, 30n, 21n, 12n]) {
      const word = new DataView(new ArrayBuffer(8))
      this.ram.read(Number(table + ((va >> shift) & 511n) * 8n), new Uint8Array(word.buffer))
      const entry = word.getBigUint64(0, true)
      if ((entry & 1n) === 0n) return null
      entries.push(entry)
      table = entry & FRAME
    }
    return entries as [bigint, bigint, bigint, bigint] // four levels
  }

  /** The page table entry; throws where there is none. */
  leaf(va: bigint): bigint {
    const entries = this.walk(va)
    if (entries === null) throw new Error(`0x${va.toString(16)} is not mapped`)
    return entries[3]
  }

  frame(va: bigint): number {
    return Number((this.leaf(va) & FRAME) >> 12n)
  }

  read(va: bigint, byteLength: number): Uint8Array {
    const into = new Uint8Array(byteLength)
    for (let done = 0; done < byteLength; ) {
      const at = va + BigInt(done)
      const offset = Number(at & 0xfffn)
      const part = Math.min(byteLength - done, PAGE - offset)
      this.ram.read(this.frame(at) * PAGE + offset, into.subarray(done, done + part))
      done += part
    }
    return into
  }

  u8(va: bigint): number {
    return this.read(va, 1)[0]!
  }

  u16(va: bigint): number {
    return new DataView(this.read(va, 2).buffer).getUint16(0, true)
  }

  u32(va: bigint): number {
    return new DataView(this.read(va, 4).buffer).getUint32(0, true)
  }

  u64(va: bigint): bigint {
    return new DataView(this.read(va, 8).buffer).getBigUint64(0, true)
  }

  utf16(va: bigint, byteLength: number): string {
    return new TextDecoder('utf-16le').decode(this.read(va, byteLength))
  }

  unicodeString(va: bigint): string {
    return this.utf16(this.u64(va + 8n), this.u16(va))
  }

  /** Addresses of the LIST_ENTRYs after a head; throws where a Blink does not lead back. */
  list(head: bigint): bigint[] {
    const entries: bigint[] = []
    let previous = head
    for (let at = this.u64(head); ; at = this.u64(at)) {
      if (this.u64(at + 8n) !== previous) throw new Error(`blink of 0x${at.toString(16)} is wrong`)
      if (at === head) return entries
      entries.push(at)
      previous = at
      if (entries.length > 10_000) throw new Error('the list has no end')
    }
  }
}

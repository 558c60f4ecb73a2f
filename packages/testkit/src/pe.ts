// Builds PE32+ files for x64, byte by byte from Microsoft's "PE Format"; shares no layout with the reader it tests.
// Caller's sections come first, from RVA 0x1000, each on its own pages; tables for exports, imports and so on follow.

interface PeSectionInput {
  name: string
  bytes: Uint8Array
  /** Larger than bytes for zero-filled storage. */
  virtualSize?: number
}

export interface PeInput {
  sections: PeSectionInput[]
  preferredBase?: bigint
  /** SectionAlignment and FileAlignment of an image that is as long in memory as on disk: below a page. */
  alignment?: number
  timeDateStamp?: number
  checkSum?: number
  entryPoint?: number
  exports?: Record<string, number>
  /** Exports that name another image: `{ Old: 'other.New' }`. */
  forwarders?: Record<string, string>
  /** A number is an import by ordinal. */
  imports?: Record<string, (string | number)[]>
  relocations?: number[]
  rsds?: { guid: Uint8Array; age: number; path: string }
  /** The file version in a version resource. */
  fileVersion?: readonly [number, number, number, number]
  /** Unwind information as raw bytes, 4-byte aligned by the builder; or the RVA of one that is there already. */
  functions?: { begin: number; end: number; unwind: Uint8Array | number }[]
}

const PAGE = 0x1000

class Bytes {
  data = new Uint8Array(256)
  view = new DataView(this.data.buffer)
  length = 0

  #grow(end: number): void {
    if (end > this.data.length) {
      const larger = new Uint8Array(Math.max(end, this.data.length * 2))
      larger.set(this.data)
      this.data = larger
      this.view = new DataView(larger.buffer)
    }
    this.length = Math.max(this.length, end)
  }
  u8(value: number): this {
    this.#grow(this.length + 1)
    this.view.setUint8(this.length - 1, value)
    return this
  }
  u16(value: number): this {
    return this.u8(value & 255).u8((value >>> 8) & 255)
  }
  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16)
  }
  u64(value: bigint): this {
    return this.u32(Number(value & 0xffffffffn)).u32(Number((value >> 32n) & 0xffffffffn))
  }
  put(bytes: Uint8Array): this {
    const at = this.length
    this.#grow(at + bytes.length)
    this.data.set(bytes, at)
    return this
  }
  text(value: string): this {
    return this.put(new TextEncoder().encode(value)).u8(0)
  }
  align(n: number): this {
    while (this.length % n !== 0) this.u8(0)
    return this
  }
  set32(at: number, value: number): void {
    this.view.setUint32(at, value, true)
  }
  get bytes(): Uint8Array {
    return this.data.slice(0, this.length)
  }
}

export function buildPe(input: PeInput): Uint8Array {
  const sections: PeSectionInput[] = [...input.sections]
  const memoryAlign = input.alignment ?? PAGE
  const fileAlign = input.alignment ?? 0x200
  const firstRva = input.alignment === undefined ? PAGE : up(0x400, input.alignment)
  const directories = new Map<number, [rva: number, size: number]>()
  const nextRva = (): number =>
    sections.reduce(
      (rva, s) => up(rva + Math.max(s.virtualSize ?? 0, s.bytes.length, 1), memoryAlign),
      firstRva,
    )
  const table = (
    name: string,
    directory: number,
    write: (out: Bytes, rva: number) => [number, number],
  ): void => {
    const rva = nextRva()
    const out = new Bytes()
    const [at, size] = write(out, rva)
    directories.set(directory, [rva + at, size])
    sections.push({ name, bytes: out.bytes })
  }

  if (input.exports || input.forwarders) table('.edata', 0, (out, rva) => writeExports(out, rva, input))
  if (input.imports) table('.idata', 1, (out, rva) => writeImports(out, rva, input.imports!))
  if (input.fileVersion) table('.rsrc', 2, (out, rva) => writeVersion(out, rva, input.fileVersion!))
  if (input.functions) table('.pdata', 3, (out, rva) => writeFunctions(out, rva, input.functions!))
  if (input.relocations) table('.reloc', 5, (out) => writeRelocations(out, input.relocations!))
  let debugAt = -1
  if (input.rsds) {
    const { guid, age, path } = input.rsds
    table('.rdata', 6, (out, rva) => {
      const size = 24 + new TextEncoder().encode(path).length + 1
      out
        .u32(0)
        .u32(input.timeDateStamp ?? 0)
        .u16(0)
        .u16(0)
      out
        .u32(2)
        .u32(size)
        .u32(rva + 28)
      debugAt = out.length
      out.u32(0).u8(0x52).u8(0x53).u8(0x44).u8(0x53).put(guid).u32(age).text(path)
      return [0, 28]
    })
  }

  const headers = new Bytes()
  headers.u8(0x4d).u8(0x5a)
  headers.put(new Uint8Array(0x3a)).u32(0x80).put(new Uint8Array(0x40))
  headers.u8(0x50).u8(0x45).u16(0)
  headers
    .u16(0x8664)
    .u16(sections.length)
    .u32(input.timeDateStamp ?? 0)
    .u32(0)
    .u32(0)
    .u16(0xf0)
  headers.u16(input.relocations ? 0x22 : 0x23)
  headers.u16(0x20b).u8(14).u8(0).u32(0).u32(0).u32(0)
  headers.u32(input.entryPoint ?? 0).u32(PAGE)
  headers
    .u64(input.preferredBase ?? 0x140000000n)
    .u32(memoryAlign)
    .u32(fileAlign)
  headers.u16(10).u16(0).u16(0).u16(0).u16(10).u16(0).u32(0)
  const headerBytes = up(
    headers.length + 4 * 14 + 16 * 8 + sections.length * 40,
    input.alignment === undefined ? fileAlign : firstRva,
  )
  headers
    .u32(nextRva())
    .u32(headerBytes)
    .u32(input.checkSum ?? 0)
    .u16(1)
    .u16(0)
  for (let i = 0; i < 4; i++) headers.u64(0x1000n)
  headers.u32(0).u32(16)
  for (let i = 0; i < 16; i++) {
    const [rva, size] = directories.get(i) ?? [0, 0]
    headers.u32(rva).u32(size)
  }
  const body = new Bytes()
  let rva = firstRva
  for (const section of sections) {
    const virtualSize = Math.max(section.virtualSize ?? 0, section.bytes.length, 1)
    const at = headerBytes + body.length
    if (section.name === '.rdata' && debugAt >= 0) {
      new DataView(section.bytes.buffer).setUint32(debugAt, at + 28, true)
    }
    body.put(section.bytes).align(fileAlign)
    headers.put(new TextEncoder().encode(section.name.padEnd(8, '\0')))
    headers.u32(virtualSize).u32(rva).u32(up(section.bytes.length, fileAlign))
    headers
      .u32(section.bytes.length === 0 ? 0 : at)
      .u32(0)
      .u32(0)
      .u32(0)
      .u32(0xe0000020)
    rva = up(rva + virtualSize, memoryAlign)
  }
  return headers.align(input.alignment === undefined ? fileAlign : firstRva).put(body.bytes).bytes
}

const up = (value: number, to: number): number => Math.ceil(value / to) * to

/** Type 16 (a version), name 1, language 0x409, each a directory of one entry; then the data entry, then VS_VERSIONINFO. */
function writeVersion(
  out: Bytes,
  rva: number,
  [major, minor, build, patch]: readonly number[],
): [number, number] {
  const directory = (id: number, leadsTo: number): void => {
    out.put(new Uint8Array(12)).u16(0).u16(1).u32(id).u32(leadsTo)
  }
  directory(16, 0x80000018)
  directory(1, 0x80000030)
  directory(0x409, 0x48)
  out
    .u32(rva + 0x58)
    .u32(0x5c)
    .u32(0)
    .u32(0)
  out.u16(0x5c).u16(0x34).u16(0)
  for (const letter of 'VS_VERSION_INFO\0\0') out.u16(letter.charCodeAt(0))
  out.u32(0xfeef04bd).u32(0x10000)
  out.u16(minor!).u16(major!).u16(patch!).u16(build!)
  out.put(new Uint8Array(0x24))
  return [0, out.length]
}

function writeExports(out: Bytes, rva: number, input: PeInput): [number, number] {
  const forwarders = input.forwarders ?? {}
  const names = [...Object.keys(input.exports ?? {}), ...Object.keys(forwarders)].sort()
  const count = names.length
  const addresses = 40
  const nameTable = addresses + count * 4
  const ordinals = nameTable + count * 4
  out.u32(0).u32(0).u32(0).u32(0).u32(1).u32(count).u32(count)
  out
    .u32(rva + addresses)
    .u32(rva + nameTable)
    .u32(rva + ordinals)
  // Functions are numbered backwards, so that a reader must go through the ordinal table.
  for (let i = count - 1; i >= 0; i--) out.u32(input.exports?.[names[i]!] ?? 0)
  for (let i = 0; i < count; i++) out.u32(0)
  for (let i = 0; i < count; i++) out.u16(count - 1 - i)
  names.forEach((name, i) => {
    out.set32(nameTable + i * 4, rva + out.length)
    out.text(name)
    if (forwarders[name] !== undefined) {
      out.set32(addresses + (count - 1 - i) * 4, rva + out.length)
      out.text(forwarders[name])
    }
  })
  return [0, out.length]
}

function writeImports(
  out: Bytes,
  rva: number,
  imports: Record<string, (string | number)[]>,
): [number, number] {
  const dlls = Object.entries(imports)
  const descriptors = (dlls.length + 1) * 20
  out.put(new Uint8Array(descriptors))
  dlls.forEach(([dll, names], index) => {
    out.align(8)
    const lookup = out.length
    const addresses = lookup + (names.length + 1) * 8
    out.put(new Uint8Array((names.length + 1) * 16))
    names.forEach((name, i) => {
      for (const place of [lookup + i * 8, addresses + i * 8]) {
        out.set32(place, typeof name === 'number' ? name : rva + out.length)
        if (typeof name === 'number') out.set32(place + 4, 0x80000000)
      }
      if (typeof name === 'string') out.u16(0).text(name).align(2)
    })
    out.set32(index * 20, rva + lookup)
    out.set32(index * 20 + 12, rva + out.length)
    out.set32(index * 20 + 16, rva + addresses)
    out.text(dll)
  })
  return [0, descriptors]
}

function writeFunctions(
  out: Bytes,
  rva: number,
  functions: NonNullable<PeInput['functions']>,
): [number, number] {
  const size = functions.length * 12
  out.put(new Uint8Array(size))
  functions.forEach(({ begin, end, unwind }, index) => {
    out.align(4)
    out.set32(index * 12, begin)
    out.set32(index * 12 + 4, end)
    out.set32(index * 12 + 8, typeof unwind === 'number' ? unwind : rva + out.length)
    if (typeof unwind !== 'number') out.put(unwind)
  })
  return [0, size]
}

function writeRelocations(out: Bytes, relocations: number[]): [number, number] {
  const pages = new Map<number, number[]>()
  for (const rva of [...relocations].sort((a, b) => a - b)) {
    const page = rva - (rva % PAGE)
    pages.set(page, [...(pages.get(page) ?? []), rva - page])
  }
  for (const [page, offsets] of pages) {
    const words = offsets.length + (offsets.length % 2)
    out.u32(page).u32(8 + words * 2)
    for (const offset of offsets) out.u16(0xa000 | offset)
    if (offsets.length % 2 === 1) out.u16(0)
  }
  return [0, out.length]
}

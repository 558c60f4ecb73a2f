// Cabinets of one file for tests, written by offsets from [MS-CAB] and sharing no layout with the reader.

export interface CabinetInput {
  readonly name: string
  /** As the cabinet says: it may lie. */
  readonly byteLength: number
  readonly typeCompress: number
  readonly blocks: readonly { readonly packed: Uint8Array; readonly byteLength: number }[]
}

export function buildCabinet({ name, byteLength, typeCompress, blocks }: CabinetInput): Uint8Array {
  const encodedName = new TextEncoder().encode(name)
  const firstBlock = 61 + encodedName.length
  const total = firstBlock + blocks.reduce((sum, { packed }) => sum + 8 + packed.length, 0)
  const cabinet = new Uint8Array(total)
  const view = new DataView(cabinet.buffer)
  cabinet.set([0x4d, 0x53, 0x43, 0x46])
  view.setUint32(8, total, true)
  view.setUint32(16, 44, true)
  cabinet.set([3, 1, 1, 0, 1, 0], 24) // version 1.3, one folder, one file
  view.setUint32(36, firstBlock, true)
  view.setUint16(40, blocks.length, true)
  view.setUint16(42, typeCompress, true)
  view.setUint32(44, byteLength, true)
  view.setUint16(54, 0x5a21, true) // a date
  view.setUint16(58, 0x20, true)
  cabinet.set(encodedName, 60)
  let at = firstBlock
  for (const block of blocks) {
    view.setUint16(at + 4, block.packed.length, true)
    view.setUint16(at + 6, block.byteLength, true)
    cabinet.set(block.packed, at + 8)
    at += 8 + block.packed.length
  }
  return cabinet
}

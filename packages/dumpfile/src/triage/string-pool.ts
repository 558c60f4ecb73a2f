// The string pool of a minidump: DUMP_STRING, a count of UTF-16 code units, the characters, a NUL, padding to 8 bytes.

/** `start` is the pool's file offset; `offsets` are those of the strings, in their order. */
export function composeStringPool(
  texts: readonly string[],
  start: number,
): { bytes: Uint8Array; offsets: number[] } {
  let end = 0
  const places = texts.map((text) => {
    const at = end
    end += Math.ceil((4 + (text.length + 1) * 2) / 8) * 8
    return at
  })
  const bytes = new Uint8Array(end)
  const view = new DataView(bytes.buffer)
  for (const [index, text] of texts.entries()) {
    const at = places[index]!
    view.setUint32(at, text.length, true)
    for (let i = 0; i < text.length; i++) view.setUint16(at + 4 + i * 2, text.charCodeAt(i), true)
  }
  return { bytes, offsets: places.map((at) => start + at) }
}

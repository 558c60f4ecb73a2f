// Names of registers as the specifications spell them, for reports.
const REGISTER_BYTES = 4

/** The constants whose name has the prefix, by offset: `VIRTIO_PCI_COMMON_STATUS` is `STATUS` at 0x14. */
export function named(
  constants: object,
  prefix: string,
  names: readonly string[],
): ReadonlyMap<number, string> {
  const all = new Map(Object.entries(constants))
  return new Map(names.map((name) => [Number(all.get(`${prefix}${name}`)), name]))
}

/** A part of a register has the register's name and its place in it: `CLB+2`. */
export function nameAround(names: ReadonlyMap<number, string>, offset: number): string | null {
  for (let inside = 0; inside < REGISTER_BYTES; inside++) {
    const name = names.get(offset - inside)
    if (name !== undefined) return inside === 0 ? name : `${name}+${inside}`
  }
  return null
}

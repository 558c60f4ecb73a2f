// Numbers of up to 53 bits as two words of 32, as registers and structures hold them, because hot paths cannot afford a bigint.
export const TWO_TO_32 = 0x1_0000_0000

/** The words of an address, length or block number. */
export const lowHalf = (value: number): number => value >>> 0
export const highHalf = (value: number): number => Math.floor(value / TWO_TO_32)
export const fromHalves = (high: number, low: number): number => high * TWO_TO_32 + low

/** Little-endian, at any alignment. */
export const getHalves = (view: DataView, at: number): number =>
  fromHalves(view.getUint32(at + 4, true), view.getUint32(at, true))

export function setHalves(view: DataView, at: number, value: number): void {
  view.setUint32(at, lowHalf(value), true)
  view.setUint32(at + 4, highHalf(value), true)
}

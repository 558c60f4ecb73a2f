// What our crash driver leaves in a dump under its own GUID: since when it was loaded, and where. Real drivers leave their
// log buffers in this way.
import { defineStruct, size64, u32, u64 } from '@dumpstack/bytes'
import type { KernelImage } from './loaded-images.ts'

/** 6D0A5B0E-7B1C-4F0B-9E55-3C2A1D7F4E61, as memory holds a GUID. */
export const CRASH_DRIVER_TAG = Uint8Array.from([
  0x0e, 0x5b, 0x0a, 0x6d, 0x1c, 0x7b, 0x0b, 0x4f, 0x9e, 0x55, 0x3c, 0x2a, 0x1d, 0x7f, 0x4e, 0x61,
])
/** The bytes `CTST`. */
const SIGNATURE = 0x5453_5443

const CrashDriverData = defineStruct('_CRASH_TEST_DATA', 0x24, {
  signature: u32(0x00),
  size: u32(0x04),
  loadTime: u64(0x08),
  imageBase: u64(0x10),
  imageSize: size64(0x18),
  checkSum: u32(0x20),
})

/** `loadTime` is a FILETIME. */
export function crashDriverData(driver: KernelImage, loadTime: bigint): Uint8Array {
  const laid = new Uint8Array(CrashDriverData.size)
  const data = CrashDriverData.of(laid)
  data.signature = SIGNATURE
  data.size = CrashDriverData.size
  data.loadTime = loadTime
  data.imageBase = driver.base
  data.imageSize = driver.size
  data.checkSum = driver.pe.checkSum
  return laid
}

// Physical memory of the modelled PC: where firmware leaves RAM and where it leaves holes.
import { hex, PAGE_SIZE, type PageRun, pfn } from '@dumpstack/bytes'
import { MIN_RAM_BYTES, TargetOptionsError } from '@dumpstack/target'

const MAX_RAM_BYTES = 2 ** 39

// Page 0 stays with the firmware, 0xa0000-0xfffff is video memory and option ROMs, the last GiB below 4 GiB is PCI.
const LEGACY_HOLE_PAGE = 0xa0
const ONE_MEGABYTE_PAGE = 0x100
const PCI_HOLE_PAGE = 0xc0000
const FOUR_GIGABYTE_PAGE = 0x100000

/**
 * RAM of `ramBytes` bytes as runs whose sum is exactly that: a quarter lies above 4 GiB (more where the rest does not fit
 * below the PCI hole), so that holes and 64-bit addresses occur on machines of any size; none where `highest` says so. Throws
 * TargetOptionsError RAM_SIZE.
 */
export function ramRuns(ramBytes: number, highest: 'below-4G' | 'above-4G' = 'above-4G'): PageRun[] {
  if (!Number.isSafeInteger(ramBytes) || ramBytes % PAGE_SIZE !== 0) {
    throw new TargetOptionsError('RAM_SIZE', `ram size ${ramBytes} is not a multiple of ${PAGE_SIZE} bytes`, {
      ramBytes,
    })
  }
  if (ramBytes < MIN_RAM_BYTES || ramBytes > MAX_RAM_BYTES) {
    throw new TargetOptionsError(
      'RAM_SIZE',
      `ram size is ${hex(ramBytes)} bytes, expected ${hex(MIN_RAM_BYTES)} to ${hex(MAX_RAM_BYTES)}`,
      { ramBytes },
    )
  }
  const pages = ramBytes / PAGE_SIZE
  const conventional = LEGACY_HOLE_PAGE - 1
  const wantedHigh = highest === 'above-4G' ? Math.floor(pages / 4) : 0
  const low = Math.min(pages - wantedHigh - conventional, PCI_HOLE_PAGE - ONE_MEGABYTE_PAGE)
  const high = pages - conventional - low
  return [
    { basePage: pfn(1), pageCount: conventional },
    { basePage: pfn(ONE_MEGABYTE_PAGE), pageCount: low },
    { basePage: pfn(FOUR_GIGABYTE_PAGE), pageCount: high },
  ].filter(({ pageCount }) => pageCount > 0)
}

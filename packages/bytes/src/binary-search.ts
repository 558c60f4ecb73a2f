// Binary search, once for all tables that are in order.

/** How many of `count` items in order come before the first for which `isBefore` is false. */
export function countBefore(count: number, isBefore: (index: number) => boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}

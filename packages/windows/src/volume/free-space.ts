// The clusters of a volume that nothing occupies: runs in bytes from the start of the partition, ascending, apart.

export interface SpaceRun {
  readonly partitionOffset: number
  readonly byteLength: number
}

export class FreeSpace {
  #runs: SpaceRun[]

  constructor(run: SpaceRun) {
    this.#runs = [run]
  }

  get byteLength(): number {
    return this.#runs.reduce((sum, run) => sum + run.byteLength, 0)
  }

  /** Start of the first free run of `byteLength` bytes at or after `from`; null when there is none. */
  find(byteLength: number, from: number): number | null {
    for (const run of this.#runs) {
      const start = Math.max(run.partitionOffset, from)
      if (start + byteLength <= run.partitionOffset + run.byteLength) return start
    }
    return null
  }

  /** Takes `byteLength` bytes in as few runs as lie at or after `from`, then from the start; null when too few. */
  gather(byteLength: number, from: number): SpaceRun[] | null {
    const whole = this.find(byteLength, from)
    const taken: SpaceRun[] = []
    if (whole !== null) {
      taken.push({ partitionOffset: whole, byteLength })
    } else {
      let missing = byteLength
      for (const run of this.#runs) {
        if (missing === 0) break
        const length = Math.min(missing, run.byteLength)
        taken.push({ partitionOffset: run.partitionOffset, byteLength: length })
        missing -= length
      }
      if (missing > 0) return null
    }
    for (const run of taken) this.take(run)
    return taken
  }

  /** Whether all of it lies within one free run. */
  has(run: SpaceRun): boolean {
    return this.#indexOf(run) >= 0
  }

  /** Marks as used what must lie within one free run. */
  take(taken: SpaceRun): void {
    const end = taken.partitionOffset + taken.byteLength
    const index = this.#indexOf(taken)
    const run = this.#runs[index]
    if (run === undefined) {
      throw new RangeError(`bytes ${taken.partitionOffset}..${end} of the partition are not free`)
    }
    const before = { ...run, byteLength: taken.partitionOffset - run.partitionOffset }
    const after = { partitionOffset: end, byteLength: run.partitionOffset + run.byteLength - end }
    this.#runs.splice(index, 1, ...[before, after].filter((rest) => rest.byteLength > 0))
  }

  give(freed: SpaceRun): void {
    if (freed.byteLength === 0) return
    const runs = [...this.#runs, freed].sort((a, b) => a.partitionOffset - b.partitionOffset)
    const joined: SpaceRun[] = []
    for (const run of runs) {
      const last = joined.at(-1)
      if (last !== undefined && last.partitionOffset + last.byteLength === run.partitionOffset) {
        joined[joined.length - 1] = { ...last, byteLength: last.byteLength + run.byteLength }
      } else {
        joined.push(run)
      }
    }
    this.#runs = joined
  }

  #indexOf({ partitionOffset, byteLength }: SpaceRun): number {
    return this.#runs.findIndex(
      (run) =>
        run.partitionOffset <= partitionOffset &&
        partitionOffset + byteLength <= run.partitionOffset + run.byteLength,
    )
  }
}

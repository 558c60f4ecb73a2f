// A plan of lives that several threads run. Whichever thread runs a life, its result is the same.

/** Each life is claimed by one thread. */
export interface SharedPlan<Result> {
  /** Whether this thread is to run the life. */
  claim(index: number): boolean
  /** What another thread made of the life; null as long as there is nothing. */
  result(index: number): Result | null
  /** The other threads end the lives that they are at. */
  close(): void
}

export interface PlanSteps<Result> {
  live(index: number): Result
  /** Whether the first life says how all of them end. */
  endsPlan(first: Result): boolean
  /** Told of each life once, in whatever order; where the first one ends the plan, of that one alone. */
  done(index: number, result: Result): void
}

/** What `live` throws ends it, after `done` was told of what there is. */
export function runPlan<Result>(
  count: number,
  shared: SharedPlan<Result> | undefined,
  { live, endsPlan, done }: PlanSteps<Result>,
): void {
  const run = (index: number): Result => {
    const result = live(index)
    done(index, result)
    return result
  }
  if (endsPlan(run(0))) return
  const elsewhere = new Set<number>()
  const takeResults = (): void => {
    for (const index of elsewhere) {
      const result = shared?.result(index) ?? null
      if (result === null) continue
      elsewhere.delete(index)
      done(index, result)
    }
  }
  try {
    for (let index = 1; index < count; index++) {
      if (shared?.claim(index) === false) elsewhere.add(index)
      else run(index)
    }
    // one that is still under way elsewhere is run here too: a thread may have ended
    for (takeResults(); elsewhere.size > 0; takeResults()) {
      const [index] = elsewhere
      elsewhere.delete(index!)
      run(index!)
    }
  } finally {
    takeResults()
  }
}

// A covering array: lines of one value a row, such that any two values of any two rows meet in some line. Built greedily, as AETG does
// (Cohen, Dalal, Fredman, Patton: The AETG System, IEEE TSE 23(7), 1997): of some drawn lines the one that covers most comes next.
import { SeededChoice } from '../boot/seeded-choice.ts'

/** Drawn for each line; more give hardly fewer lines. */
const CANDIDATES = 20
/** Values of a row that meet every value of every other row; the plain one is among them. A further one is in a line at least. */
const PAIRED_VALUES = 3

/** An index of a value for each row. */
export type PlanLine = readonly number[]

/**
 * Of rows with so many values each; 0 is plain, and the first line has nothing but plain values. Where nothing is left to cover a line is
 * plain. Same counts and seed, same lines.
 */
export function pairwiseLines(counts: readonly number[], seed: number): PlanLine[] {
  const choice = new SeededChoice(seed, 'plan of a check')
  const uncovered = new Uncovered(counts)
  const plain: PlanLine = counts.map(() => 0)
  const lines = [plain]
  uncovered.cover(plain)
  while (uncovered.size > 0) {
    let best: PlanLine = plain
    let most = 0
    for (let i = 0; i < CANDIDATES; i++) {
      const line = drawLine(counts, uncovered, choice)
      const gain = uncovered.gainOf(line)
      if (gain > most) [best, most] = [line, gain]
    }
    uncovered.cover(best)
    lines.push(best)
  }
  return lines
}

/** The pairs that no line has yet, and the values. A value is numbered over all rows. */
class Uncovered {
  readonly #counts: readonly number[]
  readonly #starts: readonly number[]
  readonly #total: number
  /** By two values; a value with itself stands for the value alone. */
  readonly #isLeft: Uint8Array
  size = 0

  constructor(counts: readonly number[]) {
    this.#counts = counts
    let total = 0
    this.#starts = counts.map((count) => {
      total += count
      return total - count
    })
    this.#total = total
    this.#isLeft = new Uint8Array(total * total)
    counts.forEach((count, row) => {
      for (let value = 0; value < count; value++) {
        this.#add(row, value, row, value)
        if (value >= PAIRED_VALUES) continue
        for (let other = row + 1; other < counts.length; other++) {
          for (let its = 0; its < Math.min(counts[other]!, PAIRED_VALUES); its++)
            this.#add(row, value, other, its)
        }
      }
    })
  }

  /** What a value of a row adds to a line in which the rows from `chosen` have theirs. */
  gainWith(line: readonly number[], chosen: readonly number[], row: number, value: number): number {
    let gain = this.#left(row, value, row, value)
    for (const other of chosen) gain += this.#left(row, value, other, line[other]!)
    return gain
  }

  gainOf(line: PlanLine): number {
    let gain = 0
    for (let row = 0; row < line.length; row++)
      for (let other = row; other < line.length; other++)
        gain += this.#left(row, line[row]!, other, line[other]!)
    return gain
  }

  cover(line: PlanLine): void {
    this.size -= this.gainOf(line)
    for (let row = 0; row < line.length; row++)
      for (let other = row; other < line.length; other++)
        this.#isLeft[this.#key(row, line[row]!, other, line[other]!)] = 0
  }

  /** Pairs that a value could still cover in some line. */
  leftOf(row: number, value: number): number {
    let left = this.#left(row, value, row, value)
    this.#counts.forEach((count, other) => {
      if (other === row) return
      for (let its = 0; its < count; its++) left += this.#left(row, value, other, its)
    })
    return left
  }

  #add(row: number, value: number, otherRow: number, otherValue: number): void {
    this.#isLeft[this.#key(row, value, otherRow, otherValue)] = 1
    this.size++
  }

  #left(row: number, value: number, otherRow: number, otherValue: number): number {
    return this.#isLeft[this.#key(row, value, otherRow, otherValue)]!
  }

  #key(row: number, value: number, otherRow: number, otherValue: number): number {
    const one = this.#starts[row]! + value
    const other = this.#starts[otherRow]! + otherValue
    return Math.min(one, other) * this.#total + Math.max(one, other)
  }
}

/** Starts at the value that has most to cover, then gives each row, in a drawn order, the value that adds most. */
function drawLine(counts: readonly number[], uncovered: Uncovered, choice: SeededChoice): PlanLine {
  const line = counts.map(() => 0)
  const order = shuffled(counts.length, choice)
  const chosen: number[] = []
  for (const row of order) {
    let most = 0
    for (
      let i = 0, value = choice.below(counts[row]!);
      i < counts[row]!;
      i++, value = (value + 1) % counts[row]!
    ) {
      const gain =
        chosen.length === 0 ? uncovered.leftOf(row, value) : uncovered.gainWith(line, chosen, row, value)
      if (gain > most) [line[row], most] = [value, gain]
    }
    chosen.push(row)
  }
  return line
}

function shuffled(count: number, choice: SeededChoice): number[] {
  const order = Array.from({ length: count }, (_, index) => index)
  for (let i = count - 1; i > 0; i--) {
    const j = choice.below(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}

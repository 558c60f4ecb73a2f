// The controller's side of submission and completion queues (NVM Express 1.4 sections 4.1 to 4.6): rings in guest RAM, their heads and
// tails, and the phase of completion entries.
/** A command identifier has 16 bits. */
const CID_WORDS = 2 ** 16 / 32

export class CompletionQueue {
  readonly id: number
  readonly base: number
  readonly size: number
  readonly vector: number
  readonly interrupts: boolean
  head = 0
  tail = 0
  phase = 1
  /** Submission queues that end here. */
  userCount = 0

  constructor(id: number, base: number, size: number, vector: number, interrupts: boolean) {
    this.id = id
    this.base = base
    this.size = size
    this.vector = vector
    this.interrupts = interrupts
  }

  get isEmpty(): boolean {
    return this.head === this.tail
  }

  /** 4.1.2: one entry stays free. */
  get isFull(): boolean {
    return (this.tail + 1) % this.size === this.head
  }

  advance(): void {
    this.tail++
    if (this.tail < this.size) return
    this.tail = 0
    this.phase ^= 1
  }
}

export class SubmissionQueue {
  readonly id: number
  readonly base: number
  readonly size: number
  readonly completions: CompletionQueue
  head = 0
  tail = 0
  /** Commands that were fetched and whose completion entry is not written. */
  inFlight = 0
  /** Nothing more is fetched. */
  isDeleting = false
  readonly #cids = new Uint32Array(CID_WORDS)

  constructor(id: number, base: number, size: number, completions: CompletionQueue) {
    this.id = id
    this.base = base
    this.size = size
    this.completions = completions
  }

  get hasCommand(): boolean {
    return this.head !== this.tail && this.inFlight < this.size && !this.isDeleting
  }

  /** A command was fetched; false where another one in flight has its identifier. */
  begin(cid: number): boolean {
    this.head = (this.head + 1) % this.size
    this.inFlight++
    const bit = 1 << (cid & 31)
    const isFree = (this.#cids[cid >>> 5]! & bit) === 0
    if (isFree) this.#cids[cid >>> 5]! |= bit
    return isFree
  }

  /** Its completion entry is written. */
  end(cid: number, ownsCid: boolean): void {
    this.inFlight--
    if (ownsCid) this.#cids[cid >>> 5]! &= ~(1 << (cid & 31))
  }
}

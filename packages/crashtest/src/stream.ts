// Numbers the events and hands each to every fold, in order: the journal first, so that nothing is shown that is not kept.
import type { Emit, TestEvent } from './test-event.ts'

export type Sink = (event: TestEvent) => void

/** `firstSeq`: the number after the last event that another process journalled. */
export function createStream(sinks: readonly Sink[], firstSeq = 0): Emit {
  let seq = firstSeq
  return (body, at) => {
    const event: TestEvent = { seq: seq++, at, ...body }
    for (const sink of sinks) sink(event)
  }
}

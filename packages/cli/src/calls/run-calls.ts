// `dumpstack calls DIR`: what a driver file called and which registers it touched, from the records of its run. Streams: a record
// may be long, and the reader of the output may stop early (`| head`).
import { statSync } from 'node:fs'
import { type CallEvent, readCalls } from '@dumpstack/drivers'
import { type CallRecordFile, callRecordsOf } from '@dumpstack/run/node'
import { readNamed } from '../files/named-input.ts'
import { UsageError } from '../program/usage-error.ts'
import { bold } from '../terminal/painted.ts'
import { LineOutput, tell } from '../terminal/terminal.ts'
import { type CallFilterOptions, callFilter } from './call-filter.ts'
import { HEADING, lineOf, objectOf, startLine } from './call-lines.ts'
import { CallSummary } from './call-summary.ts'

/** As commander hands them over. */
export interface GivenCallsOptions extends CallFilterOptions {
  readonly dump?: string
  readonly summary?: true
  readonly json?: true
}

export async function runCalls(folder: string, given: GivenCallsOptions): Promise<number> {
  readNamed(folder, () => statSync(folder))
  const records = wanted(callRecordsOf(folder), given.dump)
  const hasShown = given.summary === true ? await summarize(records, given) : await list(records, given)
  // a name that is spelled wrong looks like a driver that never did it
  if (!hasShown) tell('no call and no register access matches: --summary alone lists what there is')
  return 0
}

function wanted(records: readonly CallRecordFile[], dump: string | undefined): readonly CallRecordFile[] {
  if (dump === undefined) return records
  const found = records.filter(({ start }) => start === dump)
  if (found.length > 0) return found
  const starts = [...new Set(records.map(({ start }) => start))].join(', ')
  throw new UsageError(
    `the run has no calls of a start that ended in a ${dump} dump; it has those of: ${starts}`,
  )
}

/** Whether anything was. */
async function list(records: readonly CallRecordFile[], given: GivenCallsOptions): Promise<boolean> {
  const isShown = callFilter(given)
  const json = given.json === true
  const out = new LineOutput()
  let hasShown = false
  if (!json) out.line(bold(HEADING))
  for (const record of records) {
    if (!json) out.line(bold(startLine(record)))
    for (const event of eventsOf(record)) {
      if (event.kind !== 'gap' && event.kind !== 'end') {
        if (!isShown(event)) continue
        hasShown = true
      }
      if (json) out.json(objectOf(event, record))
      else out.line(lineOf(event))
      if (out.isFull) await out.drain()
      if (out.isClosed) return hasShown
    }
  }
  await out.drain()
  return hasShown
}

async function summarize(records: readonly CallRecordFile[], given: GivenCallsOptions): Promise<boolean> {
  const isShown = callFilter(given)
  const summary = new CallSummary()
  for (const record of records) {
    for (const event of eventsOf(record))
      if (event.kind === 'gap' || event.kind === 'end' || isShown(event)) summary.add(event)
  }
  const { rows, cut } = summary
  const out = new LineOutput()
  if (given.json === true) out.json({ rows, cut }, 2)
  else {
    out.line(bold(`${'count'.padStart(9)}  ${'life'.padEnd(7)}  what   name`))
    for (const { count, life, what, name } of rows)
      out.line(`${String(count).padStart(9)}  ${life.padEnd(7)}  ${what.padEnd(5)}  ${name}`)
    if (cut.calls + cut.accesses > 0) out.line(lineOf({ kind: 'gap', ...cut }))
  }
  await out.drain()
  return rows.length > 0
}

function* eventsOf({ file, chunks }: CallRecordFile): Generator<CallEvent> {
  let hasEnd = false
  for (const event of readCalls(chunks(), file)) {
    if (event.kind === 'end') hasEnd = true
    yield event
  }
  if (!hasEnd) tell(`${file} has no end: the run was killed, or goes on; what it did not write is missing`)
}

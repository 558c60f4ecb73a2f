// Names in a run folder, for callers that only look for files in one: the debugger needs neither the test nor the host's files.
/** The marker of the run that owns the folder, and the list of what it has made there. */
export const MARKER = 'dumpstack-run.jsonl'
export const JOURNAL = 'journal.jsonl'
export const LOG = 'crashdumptest.log'
export const RESULT = 'result.json'
export const STATE = 'state.json'
/** What `dumpstack report` makes of the folder. */
export const REPORT = 'report.html'
export const TRUTH_JSON = 'truth.json'
export const TRUTH_BIN = 'truth.bin'
export { InTheWayError, NotARunError } from './errors.ts'
export * from './limits.ts'

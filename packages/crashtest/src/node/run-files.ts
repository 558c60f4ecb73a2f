// Names in a run folder. A door of its own (@dumpstack/crashtest/run-files): the debugger finds its way there without the test.
export { DUMP_TYPES } from '../target.ts'

export const JOURNAL = 'journal.jsonl'
export const LOG = 'crashdumptest.log'
export const RESULT = 'result.json'
export const TRUTH_JSON = 'truth.json'
export const TRUTH_BIN = 'truth.bin'

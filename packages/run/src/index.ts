// Names in a run folder, for who only finds the way in one: the debugger needs neither the test nor the host's files.
export const JOURNAL = 'journal.jsonl'
export const LOG = 'crashdumptest.log'
export const RESULT = 'result.json'
export const TRUTH_JSON = 'truth.json'
export const TRUTH_BIN = 'truth.bin'

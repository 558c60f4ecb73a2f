// How large a file of a run folder may be that is read whole. A run of 512 MiB of RAM writes 20 KB of journal and 100 KB of truth.json; page
// runs grow with the RAM.
const MIB = 2 ** 20

export const MAX_JOURNAL_BYTES = 16 * MIB
export const MAX_LOG_BYTES = 16 * MIB
export const MAX_RESULT_BYTES = 16 * MIB
export const MAX_STATE_BYTES = 32 * MIB
export const MAX_TRUTH_JSON_BYTES = 32 * MIB

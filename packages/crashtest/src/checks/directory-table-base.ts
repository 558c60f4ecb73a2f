// DUMP_HEADER64.DirectoryTableBase is the CR3 of the process that crashed: without it no address can be looked up.
import { hex } from '@dumpstack/bytes'
import { type DumpCheck, fail, pass } from './check.ts'

export const directoryTableBase: DumpCheck = {
  id: 'directoryTableBase',
  judge({ dump, evidence }) {
    const [found, expected] = [hex(dump.header.directoryTableBase), hex(evidence.directoryTableBase)]
    if (found === expected) return pass(`directory table base ${found}`)
    return fail(`directory table base is ${found}, expected ${expected}`, [{ found, expected }])
  },
}

// DUMP_HEADER64.DumpType: how a dump file is laid out.

export const HeaderDumpType = {
  full: 1,
  summary: 2,
  header: 3,
  triage: 4,
  bitmapFull: 5,
  bitmapKernel: 6,
  automatic: 7,
  debuggerKernel: 8,
  debuggerKernelUser: 9,
  debuggerFull: 10,
} as const

const TYPE_NAMES: Readonly<Record<number, string>> = {
  1: 'full dump',
  2: 'summary dump (Windows 7 and before)',
  3: 'header dump',
  4: 'minidump (triage)',
  5: 'full bitmap dump',
  6: 'kernel bitmap dump',
  7: 'automatic dump',
  8: 'kernel memory dump of a debugger',
  9: 'kernel and user memory dump of a debugger',
  10: 'complete memory dump of a debugger',
}

/** `kernel bitmap dump`; a number without a name says that it is unknown. */
export const dumpTypeName = (dumpType: number): string =>
  TYPE_NAMES[dumpType] ?? `dump of unknown type ${dumpType}`

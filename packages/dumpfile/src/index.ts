export type { DumpFacts } from './compose-header.ts'
export { readKdbg } from './debugger-data.ts'
export * from './dump.ts'
export * from './dump-error.ts'
export * from './dump-header.ts'
export { DumpHeader64, PAGE_FILL_32, PAGE_FILL_64 } from './layouts.ts'
export * from './module-list.ts'
export { readModules, readModulesAsFarAsPossible } from './modules.ts'
export { openDump } from './open-dump.ts'
export { PageWalker, pageTableEntries } from './page-walk.ts'
export * from './plan.ts'
export { planDump } from './plan-dump.ts'
export { readDumpType } from './recognise.ts'
export {
  type MemoryRange,
  planTriageDump,
  type TriageFacts,
} from './triage/plan-triage-dump.ts'
export { readSecondaryData, type SecondaryBlob } from './triage/secondary-data.ts'
export type { TriageDump } from './triage/triage-dump.ts'
export * from './verify-dump.ts'
export type { VirtualSpace } from './virtual-space.ts'

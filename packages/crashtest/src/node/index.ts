export * from './finished-run.ts'
export * from './host-error.ts'
export * from './run-folder.ts'
export type { RecordedDump } from './run-record.ts'

export { readCalls } from './call-decoder.ts'
export { CallEncoder } from './call-encoder.ts'
export type { CallEvent, RecordedSite } from './call-event.ts'

export { readCalls } from './call-decoder.ts'
export { CallEncoder, type CallEncoderOptions } from './call-encoder.ts'
export type { CallEvent, RecordedSite } from './call-event.ts'

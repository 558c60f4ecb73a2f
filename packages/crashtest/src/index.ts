export { withCauses } from './causes.ts'
export { typeOfDump } from './checks/as-type.ts'
export * from './checks/check.ts'
export * from './checks/debugger-check.ts'
export { dumpMode } from './checks/dump-mode.ts'
export * from './checks/index.ts'
export { compareBlocks } from './compare-blocks.ts'
export type { DumpPages } from './compare-pages.ts'
export * from './compare-truth.ts'
export { debugDump } from './debug-dump.ts'
export * from './errors.ts'
export { examineDump, explainMissingDump } from './examine.ts'
export * from './examine-step.ts'
export { lineOfEvent } from './folds/event-line.ts'
export * from './folds/journal.ts'
export * from './folds/junit.ts'
export * from './folds/log.ts'
export { publishedSchemas } from './folds/published.ts'
export * from './folds/result.ts'
export * from './folds/result-schema.ts'
export * from './folds/screen.ts'
export { comparedText, dumpTitle, eventText, grouped, resumedText, stepTitle } from './folds/words.ts'
export {
  COMPARING_WITH_RAM,
  complaint,
  connectingTo,
  IN_USE,
  IN_USE_ADVICE,
  info,
  messageLine,
  type Say,
  withoutRam,
} from './messages.ts'
export * from './prerequisites.ts'
export { messagesOf, sentence } from './report.ts'
export * from './run.ts'
export * from './scenarios/index.ts'
export * from './steps.ts'
export * from './stream.ts'
export {
  type CheckOutcome,
  type DumpExamination,
  type Emit,
  EVENT_FORMAT,
  type Finding,
  type ReportedCrash,
  type ReportedViolation,
  type TestEvent,
  type TestEventBody,
  testEvent,
  type Verdict,
  worst,
} from './test-event.ts'
export * from './truth-file.ts'

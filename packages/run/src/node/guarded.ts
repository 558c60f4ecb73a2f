// A run folder for callers that only read it: nothing of this door needs the test.
export * from './guarded-folder.ts'
export * from './host-error.ts'
export * from './kept-dumps.ts'
export * from './run-of-file.ts'

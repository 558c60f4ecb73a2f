// A run folder for who only reads in it: nothing of this door needs the test.
export * from './guarded-folder.ts'
export * from './host-error.ts'
export * from './kept-dumps.ts'
export * from './run-of-file.ts'

export * from './file-source.ts'
export * from './system-error.ts'

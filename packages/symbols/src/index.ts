export * from './symbol-file.ts'

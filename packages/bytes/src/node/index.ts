export * from './file-source.ts'

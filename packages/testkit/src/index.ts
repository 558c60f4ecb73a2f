export * from './pe.ts'

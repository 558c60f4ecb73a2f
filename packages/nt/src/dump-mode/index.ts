export * from './rules.ts'
export * from './violation.ts'

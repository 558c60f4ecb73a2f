export * from './dump.ts'
export * from './plan.ts'

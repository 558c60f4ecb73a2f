export * from './target.ts'
export * from './test-event.ts'

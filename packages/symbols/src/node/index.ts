export * from './inflate-raw.ts'

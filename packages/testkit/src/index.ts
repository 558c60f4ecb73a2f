export * from './dump.ts'
export * from './guest-memory.ts'
export * from './pe.ts'
export * from './raw-ahci.ts'

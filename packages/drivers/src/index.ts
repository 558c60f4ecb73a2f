export * from './dump-stack.ts'
export * from './kernel-services.ts'
export * from './miniport.ts'

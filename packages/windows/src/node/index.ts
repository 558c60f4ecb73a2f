export * from './create-windows-target.ts'

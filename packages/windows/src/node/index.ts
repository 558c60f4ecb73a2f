export * from './create-windows-target.ts'
export * from './guest-images.ts'

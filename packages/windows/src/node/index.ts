export * from './check-driver-file.ts'
export * from './create-windows-target.ts'
export * from './guest-images.ts'

export * from './file-disk-image.ts'

export * from './file-disk-image.ts'
export { IcedDecoder } from './iced-decoder.ts'

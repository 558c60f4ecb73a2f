export { IcedDecoder } from './iced-decoder.ts'

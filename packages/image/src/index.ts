export type { ImageIdentity } from './debug-directory.ts'
export * from './errors.ts'
export * from './frame-layout.ts'
export type { PeSection } from './image-file.ts'
export * from './map.ts'
export * from './mapped-image.ts'
export * from './pe.ts'
export {
  REGISTER_NAMES,
  type RuntimeFunction,
  UNW_FLAG_EHANDLER,
  UNW_FLAG_UHANDLER,
  type UnwindCode,
  type UnwindInfo,
} from './unwind-info.ts'

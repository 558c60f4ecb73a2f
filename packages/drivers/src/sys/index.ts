export { openSysFile, SYS_FILE_LIMIT, type SysFile } from './driver-file.ts'
export type { SymbolNames } from './symbol-names.ts'
export { hostSysFile, type SysHost, type SysHostOptions } from './sys-host.ts'
export type { ObservedPlace, SysLife, SysObserver } from './sys-observer.ts'

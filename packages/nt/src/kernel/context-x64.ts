// The processor's state on x64: CONTEXT and EXCEPTION_RECORD64 (winnt.h, public).
import { array, bytes, defineStruct, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const CONTEXT_AMD64 = 0x0010_0000
/** ContextFlags: control, integer and floating-point registers. */
export const CONTEXT_FULL = CONTEXT_AMD64 | 0x0b

export const ContextX64 = defineStruct('_CONTEXT', 0x4d0, {
  p1Home: u64(0x00),
  p2Home: u64(0x08),
  p3Home: u64(0x10),
  p4Home: u64(0x18),
  p5Home: u64(0x20),
  p6Home: u64(0x28),
  contextFlags: u32(0x30),
  mxCsr: u32(0x34),
  segCs: u16(0x38),
  segDs: u16(0x3a),
  segEs: u16(0x3c),
  segFs: u16(0x3e),
  segGs: u16(0x40),
  segSs: u16(0x42),
  eFlags: u32(0x44),
  dr0: u64(0x48),
  dr1: u64(0x50),
  dr2: u64(0x58),
  dr3: u64(0x60),
  dr6: u64(0x68),
  dr7: u64(0x70),
  rax: u64(0x78),
  rcx: u64(0x80),
  rdx: u64(0x88),
  rbx: u64(0x90),
  rsp: u64(0x98),
  rbp: u64(0xa0),
  rsi: u64(0xa8),
  rdi: u64(0xb0),
  r8: u64(0xb8),
  r9: u64(0xc0),
  r10: u64(0xc8),
  r11: u64(0xd0),
  r12: u64(0xd8),
  r13: u64(0xe0),
  r14: u64(0xe8),
  r15: u64(0xf0),
  rip: u64(0xf8),
  /** FltSave, XSAVE_FORMAT: the fields that a writer must set. */
  controlWord: u16(0x100),
  statusWord: u16(0x102),
  tagWord: u16(0x104),
  /** FltSave.MxCsr: independent readers want it equal to `mxCsr`. */
  fltSaveMxCsr: u32(0x118),
  mxCsrMask: u32(0x11c),
  fltSave: bytes(0x100, 0x200),
  vectorRegister: bytes(0x300, 26 * 16),
  vectorControl: u64(0x4a0),
  debugControl: u64(0x4a8),
  lastBranchToRip: u64(0x4b0),
  lastBranchFromRip: u64(0x4b8),
  lastExceptionToRip: u64(0x4c0),
  lastExceptionFromRip: u64(0x4c8),
})
export type ContextX64 = ViewOf<typeof ContextX64>

export const ExceptionRecord64 = defineStruct('_EXCEPTION_RECORD64', 0x98, {
  exceptionCode: u32(0x00),
  exceptionFlags: u32(0x04),
  exceptionRecord: u64(0x08),
  exceptionAddress: u64(0x10),
  numberParameters: u32(0x18),
  exceptionInformation: array(0x20, 15, u64),
})
export type ExceptionRecord64 = ViewOf<typeof ExceptionRecord64>

/** ExceptionFlags: the first of an exception that cannot be continued, the others while frames are unwound. */
export const EXCEPTION_NONCONTINUABLE = 0x1
export const EXCEPTION_UNWINDING = 0x2
export const EXCEPTION_TARGET_UNWIND = 0x20

/** What a language-specific handler gets as its fourth argument (winnt.h, ntdef.h). */
export const DispatcherContext = defineStruct('_DISPATCHER_CONTEXT', 0x50, {
  controlPc: u64(0x00),
  imageBase: u64(0x08),
  functionEntry: u64(0x10),
  establisherFrame: u64(0x18),
  targetIp: u64(0x20),
  contextRecord: u64(0x28),
  languageHandler: u64(0x30),
  handlerData: u64(0x38),
  historyTable: u64(0x40),
  scopeIndex: u32(0x48),
})

/** EXCEPTION_POINTERS, the first argument of a filter. */
export const ExceptionPointers = defineStruct('_EXCEPTION_POINTERS', 0x10, {
  exceptionRecord: u64(0x00),
  contextRecord: u64(0x08),
})

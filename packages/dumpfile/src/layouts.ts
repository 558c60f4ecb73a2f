// The headers of kernel crash dump files. Offsets: independent readers (kdmp-parser, volatility3, rizin, Ghidra) and two
// real minidumps, see docs/formats/crash-dump.md. A field that is not set holds the fill `PAGE`.
import { array, bytes, defineStruct, size64, struct, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'
import { ExceptionRecord64, PhysicalMemoryDescriptor64 } from '@dumpstack/nt'

export const SIGNATURE_PAGE = 0x4547_4150
export const VALID_DUMP_DU64 = 0x3436_5544
export const VALID_DUMP_DUMP = 0x504d_5544
export const PAGE_FILL_32 = SIGNATURE_PAGE
export const PAGE_FILL_64 = 0x4547_4150_4547_4150n

export const HEADER64_SIZE = 0x2000
export const HEADER32_SIZE = 0x1000

export const DumpHeader64 = defineStruct('_DUMP_HEADER64', HEADER64_SIZE, {
  signature: u32(0x0000),
  validDump: u32(0x0004),
  /** 0xf free build, 0xc checked build. */
  majorVersion: u32(0x0008),
  minorVersion: u32(0x000c),
  directoryTableBase: u64(0x0010),
  pfnDataBase: u64(0x0018),
  psLoadedModuleList: u64(0x0020),
  psActiveProcessHead: u64(0x0028),
  machineImageType: u32(0x0030),
  numberProcessors: u32(0x0034),
  bugCheckCode: u32(0x0038),
  bugCheckParameters: array(0x0040, 4, u64),
  kdDebuggerDataBlock: u64(0x0080),
  physicalMemoryBlock: struct(0x0088, PhysicalMemoryDescriptor64),
  contextRecord: bytes(0x0348, 3000),
  exception: struct(0x0f00, ExceptionRecord64),
  exceptionBytes: bytes(0x0f00, 0x98),
  dumpType: u32(0x0f98),
  requiredDumpSpace: u64(0x0fa0),
  systemTime: u64(0x0fa8),
  /** ANSI text. */
  comment: bytes(0x0fb0, 0x80),
  systemUpTime: u64(0x1030),
  miniDumpFields: u32(0x1038),
  productType: u32(0x1040),
  suiteMask: u32(0x1044),
  writerStatus: u32(0x1048),
  kdSecondaryVersion: u8(0x104d),
  attributes: u32(0x1050),
})
export type DumpHeader64 = ViewOf<typeof DumpHeader64>

/** Runs follow the descriptor's 16 bytes inside its 700 byte buffer. */
export const HEADER_RUNS_OFFSET = 0x0098
export const HEADER_RUNS_CAPACITY = 42

/** DUMP_FILE_ATTRIBUTES */
export const ATTRIBUTE_KERNEL_GENERATED_TRIAGE_DUMP = 0x008
export const ATTRIBUTE_LIVE_DUMP = 0x010
export const ATTRIBUTE_INSUFFICIENT_DUMPFILE_SIZE = 0x004
export const ATTRIBUTE_ENCRYPTED_DUMP_DATA = 0x100

/** Only what it takes to say what such a file is. */
export const DumpHeader32 = defineStruct('_DUMP_HEADER32', HEADER32_SIZE, {
  minorVersion: u32(0x00c),
  machineImageType: u32(0x020),
  bugCheckCode: u32(0x028),
  dumpType: u32(0xf88),
})

/** At HEADER64_SIZE in dumps of type 5 and 6; the bitmap follows. */
export const BitmapHeader = defineStruct('_BITMAP_DUMP', 0x38, {
  /** `FDMP` full, `SDMP` kernel: readers take either in both types. */
  signature: u32(0x00),
  validDump: u32(0x04),
  firstPage: size64(0x20),
  totalPresentPages: size64(0x28),
  /** Bits in the bitmap. */
  pages: size64(0x30),
})
export const SIGNATURE_FDMP = 0x504d_4446
export const SIGNATURE_SDMP = 0x504d_4453
export const BITMAP_HEADER_OFFSET = HEADER64_SIZE
export const BITMAP_OFFSET = BITMAP_HEADER_OFFSET + BitmapHeader.size

/** At HEADER64_SIZE in dumps of type 2 (Windows 7 and before): 32-bit counts; the bitmap follows. One source, no real file. */
export const SummaryHeader = defineStruct('_SUMMARY_DUMP64', 0x28, {
  signature: u32(0x00),
  validDump: u32(0x04),
  /** File offset of the first page. */
  headerSize: u32(0x0c),
  /** Bits in the bitmap. */
  bitmapSize: u32(0x10),
  pages: u32(0x14),
  /** RTL_BITMAP.SizeOfBitMap: the bits once more. */
  sizeOfBitMap: u32(0x18),
})

/** At HEADER64_SIZE in dumps of types 8, 9 and A, which newer debuggers write. */
export const RdmpHeader = defineStruct('_RDMP_HEADER64', 0x30, {
  marker: u32(0x00),
  signature: u32(0x04),
  validDump: u32(0x08),
  metadataSize: u64(0x10),
  firstPageOffset: u64(0x18),
  /** In type A only. */
  totalNumberOfPages: u64(0x28),
})
export const RDMP_MARKER = 0x40
export const SIGNATURE_RDMP = 0x504d_4452
/** Rows of first PFN and number of pages, 64 bits each. */
export const RDMP_RANGES_OFFSET = HEADER64_SIZE + RdmpHeader.size

/** DUMP_HEADER64.MiniDumpFields: what a minidump holds. Optional parts count only beside all of the basic ones. */
export const TRIAGE_DUMP_BASIC_INFO = 0x0ff
export const TRIAGE_DUMP_DATAPAGE = 0x200
export const TRIAGE_DUMP_DEBUGGER_DATA = 0x400
export const TRIAGE_DUMP_DATA_BLOCKS = 0x800

/** At HEADER64_SIZE in dumps of type 4. Offsets in it are file offsets. */
export const TriageDump64 = defineStruct('_TRIAGE_DUMP64', 0x80, {
  servicePackBuild: u32(0x00),
  sizeOfDump: u32(0x04),
  validOffset: u32(0x08),
  contextOffset: u32(0x0c),
  exceptionOffset: u32(0x10),
  mmOffset: u32(0x14),
  unloadedDriversOffset: u32(0x18),
  prcbOffset: u32(0x1c),
  processOffset: u32(0x20),
  threadOffset: u32(0x24),
  callStackOffset: u32(0x28),
  sizeOfCallStack: u32(0x2c),
  driverListOffset: u32(0x30),
  driverCount: u32(0x34),
  stringPoolOffset: u32(0x38),
  stringPoolSize: u32(0x3c),
  brokenDriverOffset: u32(0x40),
  triageOptions: u32(0x44),
  /** Virtual address of the first byte of the call stack. */
  topOfStack: u64(0x48),
  dataPageAddress: u64(0x60),
  dataPageOffset: u32(0x68),
  dataPageSize: u32(0x6c),
  debuggerDataOffset: u32(0x70),
  debuggerDataSize: u32(0x74),
  dataBlocksOffset: u32(0x78),
  dataBlocksCount: u32(0x7c),
})
export type TriageDump64 = ViewOf<typeof TriageDump64>
/** TriageOptions: no room for all data blocks; real dumps leave the word unset. */
export const TRIAGE_OPTION_OVERFLOWED = 0x100
export const TRIAGE_OPTIONS_UNSET = 0xffff_ffff
/** The bytes `TRGD`, at ValidOffset. */
export const SIGNATURE_TRIAGE = 0x4447_5254

/** A fixed record of its own: not the live KLDR_DATA_TABLE_ENTRY. */
export const DumpDriverEntry64 = defineStruct('_DUMP_DRIVER_ENTRY64', 0x90, {
  driverNameOffset: u32(0x00),
  dllBase: u64(0x38),
  entryPoint: u64(0x40),
  sizeOfImage: u32(0x48),
  checkSum: u32(0x80),
  timeDateStamp: u32(0x88),
})

/** Rows after a u32 count and 4 bytes of padding. */
export const DumpUnloadedDriver64 = defineStruct('_DUMP_UNLOADED_DRIVERS64', 0x38, {
  length: u16(0x00),
  maximumLength: u16(0x02),
  name: bytes(0x10, 24),
  startAddress: u64(0x28),
  endAddress: u64(0x30),
})

/** Count and padding before the rows of unloaded drivers. */
export const UNLOADED_ROWS_OFFSET = 8

export const DumpMmStorage64 = defineStruct('_DUMP_MM_STORAGE64', 0x50, {
  version: u32(0x00),
  size: u32(0x04),
  mmSpecialPoolTag: u32(0x08),
  miTriageActionTaken: u32(0x0c),
  mmVerifyDriverLevel: u32(0x10),
  kernelVerifier: u32(0x14),
  mmMaximumNonPagedPool: u64(0x18),
  mmAllocatedNonPagedPool: u64(0x20),
  pagedPoolMaximum: u64(0x28),
  pagedPoolAllocated: u64(0x30),
  committedPages: u64(0x38),
  committedPagesPeak: u64(0x40),
  commitLimitMaximum: u64(0x48),
})
export type DumpMmStorage64 = ViewOf<typeof DumpMmStorage64>

export const TriageDataBlock = defineStruct('_TRIAGE_DATA_BLOCK', 0x10, {
  address: u64(0x00),
  offset: u32(0x08),
  size: u32(0x0c),
})

/** Secondary data: after everything else in the file. */
export const DumpBlobFileHeader = defineStruct('_DUMP_BLOB_FILE_HEADER', 0x10, {
  /** `Dump`, `Blob` */
  signature1: u32(0x00),
  signature2: u32(0x04),
  headerSize: u32(0x08),
  buildNumber: u32(0x0c),
})
export const SIGNATURE_BLOB_DUMP = 0x706d_7544
export const SIGNATURE_BLOB_BLOB = 0x626f_6c42

export const DumpBlobHeader = defineStruct('_DUMP_BLOB_HEADER', 0x20, {
  headerSize: u32(0x00),
  tagData1: u32(0x04),
  tagData2: u16(0x08),
  tagData3: u16(0x0a),
  tagData4: bytes(0x0c, 8),
  dataSize: u32(0x14),
  prePad: u32(0x18),
  postPad: u32(0x1c),
})

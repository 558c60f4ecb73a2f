// PE32+ structures as the file holds them: Microsoft "PE Format", learn.microsoft.com/windows/win32/debug/pe-format.
// Field names are those of winnt.h.
import { bytes, defineStruct, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'

export const DosHeader = defineStruct('IMAGE_DOS_HEADER', 0x40, { eMagic: u16(0), eLfanew: u32(0x3c) })

export const FileHeader = defineStruct('IMAGE_FILE_HEADER', 0x14, {
  machine: u16(0),
  numberOfSections: u16(2),
  timeDateStamp: u32(4),
  sizeOfOptionalHeader: u16(0x10),
  characteristics: u16(0x12),
})

/** Up to the data directories, which follow it. */
export const OptionalHeader64 = defineStruct('IMAGE_OPTIONAL_HEADER64', 0x70, {
  magic: u16(0),
  addressOfEntryPoint: u32(0x10),
  imageBase: u64(0x18),
  sectionAlignment: u32(0x20),
  fileAlignment: u32(0x24),
  sizeOfImage: u32(0x38),
  sizeOfHeaders: u32(0x3c),
  checkSum: u32(0x40),
  subsystem: u16(0x44),
  numberOfRvaAndSizes: u32(0x6c),
})

export const DataDirectory = defineStruct('IMAGE_DATA_DIRECTORY', 8, { virtualAddress: u32(0), size: u32(4) })
/** Indices into the data directories. */
export const DIRECTORY_ENTRY_EXPORT = 0
export const DIRECTORY_ENTRY_IMPORT = 1
export const DIRECTORY_ENTRY_RESOURCE = 2
export const DIRECTORY_ENTRY_EXCEPTION = 3
export const DIRECTORY_ENTRY_BASERELOC = 5
export const DIRECTORY_ENTRY_DEBUG = 6
export const DIRECTORY_ENTRY_LOAD_CONFIG = 10

export const SectionHeader = defineStruct('IMAGE_SECTION_HEADER', 0x28, {
  name: bytes(0, 8),
  virtualSize: u32(8),
  virtualAddress: u32(0xc),
  sizeOfRawData: u32(0x10),
  pointerToRawData: u32(0x14),
  characteristics: u32(0x24),
})

export const ExportDirectory = defineStruct('IMAGE_EXPORT_DIRECTORY', 0x28, {
  numberOfFunctions: u32(0x14),
  numberOfNames: u32(0x18),
  addressOfFunctions: u32(0x1c),
  addressOfNames: u32(0x20),
  addressOfNameOrdinals: u32(0x24),
})

export const ImportDescriptor = defineStruct('IMAGE_IMPORT_DESCRIPTOR', 0x14, {
  originalFirstThunk: u32(0),
  name: u32(0xc),
  firstThunk: u32(0x10),
})

export const BaseRelocation = defineStruct('IMAGE_BASE_RELOCATION', 8, {
  virtualAddress: u32(0),
  sizeOfBlock: u32(4),
})
export const REL_BASED_ABSOLUTE = 0
export const REL_BASED_DIR64 = 10

export const DebugDirectory = defineStruct('IMAGE_DEBUG_DIRECTORY', 0x1c, {
  type: u32(0xc),
  sizeOfData: u32(0x10),
  addressOfRawData: u32(0x14),
  pointerToRawData: u32(0x18),
})
export const DEBUG_TYPE_CODEVIEW = 2

/** CodeView PDB 7.0 record; the path follows, UTF-8, NUL-terminated. */
export const CodeViewRsds = defineStruct('CV_INFO_PDB70', 0x18, {
  signature: u32(0),
  guidData1: u32(4),
  guidData2: u16(8),
  guidData3: u16(0xa),
  guidData4: bytes(0xc, 8),
  age: u32(0x14),
})
export const RSDS_SIGNATURE = 0x53445352

/** Up to the /GS cookie; real ones are longer. */
export const LoadConfigDirectory64 = defineStruct('IMAGE_LOAD_CONFIG_DIRECTORY64', 0x60, {
  declaredSize: u32(0),
  securityCookie: u64(0x58),
})

export const RuntimeFunctionEntry = defineStruct('RUNTIME_FUNCTION', 0xc, {
  beginAddress: u32(0),
  endAddress: u32(4),
  unwindInfoAddress: u32(8),
})

export const UnwindInfoHeader = defineStruct('UNWIND_INFO', 4, {
  versionAndFlags: u8(0),
  sizeOfProlog: u8(1),
  countOfCodes: u8(2),
  frameRegisterAndOffset: u8(3),
})

export type OptionalHeader64 = ViewOf<typeof OptionalHeader64>

export const ResourceDirectory = defineStruct('IMAGE_RESOURCE_DIRECTORY', 0x10, {
  numberOfNamedEntries: u16(0xc),
  numberOfIdEntries: u16(0xe),
})
export const ResourceDirectoryEntry = defineStruct('IMAGE_RESOURCE_DIRECTORY_ENTRY', 8, {
  name: u32(0),
  offsetToData: u32(4),
})
export const ResourceDataEntry = defineStruct('IMAGE_RESOURCE_DATA_ENTRY', 0x10, {
  offsetToData: u32(0),
  byteLength: u32(4),
})
export const FixedFileInfo = defineStruct('VS_FIXEDFILEINFO', 0x34, {
  signature: u32(0),
  fileVersionMs: u32(8),
  fileVersionLs: u32(0xc),
})

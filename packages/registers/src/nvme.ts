// NVM Express controllers over PCI: NVM Express Base Specification, revision 1.4. Sections in brackets; numbers are little-endian.
import { array, bytes, defineStruct, u8, u16, u32, type ViewOf } from '@dumpstack/bytes'

// Controller registers (3.1): byte offsets; those of 64 bits are two dwords
export const NVME_CAP = 0x00
export const NVME_CAP_HIGH = 0x04
export const NVME_VS = 0x08
export const NVME_INTMS = 0x0c
export const NVME_INTMC = 0x10
export const NVME_CC = 0x14
export const NVME_CSTS = 0x1c
export const NVME_NSSR = 0x20
export const NVME_AQA = 0x24
export const NVME_ASQ = 0x28
export const NVME_ASQ_HIGH = 0x2c
export const NVME_ACQ = 0x30
export const NVME_ACQ_HIGH = 0x34
export const NVME_CMBLOC = 0x38
export const NVME_CMBSZ = 0x3c
export const NVME_BPINFO = 0x40
export const NVME_DOORBELLS = 0x1000
/** Of the first doorbell to the second, where CAP.DSTRD is 0 (3.1.24). */
export const NVME_DOORBELL_BYTES = 4

// CAP (3.1.1): bits of its low dword, then of its high dword
export const CAP_MQES_MASK = 0xffff
export const CAP_CQR = 1 << 16
export const CAP_TO_SHIFT = 24
/** Unit of CAP.TO. */
export const CAP_TO_MS = 500
export const CAP_HIGH_DSTRD_MASK = 0xf
export const CAP_HIGH_CSS_NVM = 1 << 5
export const CAP_HIGH_MPSMIN_SHIFT = 16
export const CAP_HIGH_MPSMAX_SHIFT = 20
export const CAP_HIGH_MPS_MASK = 0xf

export const NVME_VS_1_4_0 = 0x00010400

// CC (3.1.5)
export const CC_EN = 1 << 0
export const CC_CSS_SHIFT = 4
export const CC_CSS_MASK = 0x7
export const CC_MPS_SHIFT = 7
export const CC_MPS_MASK = 0xf
export const CC_SHN_SHIFT = 14
export const CC_SHN_MASK = 0x3
export const CC_SHN_NORMAL = 1
export const CC_IOSQES_SHIFT = 16
export const CC_IOCQES_SHIFT = 20
export const CC_ES_MASK = 0xf
/** The page of memory of CC.MPS 0, and of CAP.MPSMIN 0. */
export const NVME_PAGE_SHIFT = 12

// CSTS (3.1.6)
export const CSTS_RDY = 1 << 0
export const CSTS_CFS = 1 << 1
export const CSTS_SHST_MASK = 3 << 2
export const CSTS_SHST_OCCURRING = 1 << 2
export const CSTS_SHST_COMPLETE = 2 << 2

// AQA (3.1.8): sizes less one
export const AQA_SIZE_MASK = 0xfff
export const AQA_ACQS_SHIFT = 16

/** Submission queue entry (4.2). */
export const NvmeCommand = defineStruct('NVME_COMMAND', 0x40, {
  opcode: u8(0x00),
  /** FUSE and PSDT. */
  flags: u8(0x01),
  cid: u16(0x02),
  nsid: u32(0x04),
  /** A driver writes any 64 bits here: two halves, so that reading them cannot throw. */
  prp1Low: u32(0x18),
  prp1High: u32(0x1c),
  prp2Low: u32(0x20),
  prp2High: u32(0x24),
  cdw10: u32(0x28),
  cdw11: u32(0x2c),
  cdw12: u32(0x30),
  cdw13: u32(0x34),
  cdw14: u32(0x38),
  cdw15: u32(0x3c),
})
export type NvmeCommand = ViewOf<typeof NvmeCommand>
/** PSDT: 0 is PRPs. */
export const NVME_FLAGS_PSDT = 3 << 6
export const NVME_FLAGS_FUSE = 3
/** log2 of an entry's bytes, as CC.IOSQES and CC.IOCQES have it. */
export const NVME_SQES = 6
export const NVME_CQES = 4
export const NVME_PRP_ENTRY_BYTES = 8

/** Completion queue entry (4.6). */
export const NvmeCompletion = defineStruct('NVME_COMPLETION_ENTRY', 0x10, {
  dw0: u32(0x00),
  sqhd: u16(0x08),
  sqid: u16(0x0a),
  cid: u16(0x0c),
  /** Phase tag, then the status field. */
  status: u16(0x0e),
})
export type NvmeCompletion = ViewOf<typeof NvmeCompletion>
export const CQE_PHASE = 1
export const CQE_STATUS_SHIFT = 1

// Status field (4.6.1): status code, status code type << 8, do not retry
export const NVME_SC_SUCCESS = 0x000
export const NVME_SC_INVALID_OPCODE = 0x001
export const NVME_SC_INVALID_FIELD = 0x002
export const NVME_SC_CID_CONFLICT = 0x003
export const NVME_SC_DATA_TRANSFER_ERROR = 0x004
export const NVME_SC_INTERNAL_ERROR = 0x006
export const NVME_SC_INVALID_NAMESPACE = 0x00b
export const NVME_SC_COMMAND_SEQUENCE_ERROR = 0x00c
export const NVME_SC_PRP_OFFSET_INVALID = 0x013
export const NVME_SC_LBA_OUT_OF_RANGE = 0x080
export const NVME_SC_COMPLETION_QUEUE_INVALID = 0x100
export const NVME_SC_INVALID_QUEUE_IDENTIFIER = 0x101
export const NVME_SC_INVALID_QUEUE_SIZE = 0x102
export const NVME_SC_AER_LIMIT_EXCEEDED = 0x105
export const NVME_SC_INVALID_INTERRUPT_VECTOR = 0x108
export const NVME_SC_INVALID_LOG_PAGE = 0x109
export const NVME_SC_INVALID_QUEUE_DELETION = 0x10c
export const NVME_SC_FEATURE_NOT_SAVEABLE = 0x10d
export const NVME_SC_WRITE_FAULT = 0x280
export const NVME_SC_UNRECOVERED_READ_ERROR = 0x281
export const NVME_SC_DNR = 0x4000

// Admin commands (5)
export const NVME_ADMIN_DELETE_SQ = 0x00
export const NVME_ADMIN_CREATE_SQ = 0x01
export const NVME_ADMIN_GET_LOG_PAGE = 0x02
export const NVME_ADMIN_DELETE_CQ = 0x04
export const NVME_ADMIN_CREATE_CQ = 0x05
export const NVME_ADMIN_IDENTIFY = 0x06
export const NVME_ADMIN_ABORT = 0x08
export const NVME_ADMIN_SET_FEATURES = 0x09
export const NVME_ADMIN_GET_FEATURES = 0x0a
export const NVME_ADMIN_ASYNC_EVENT = 0x0c
// CDW11 of Create I/O Completion Queue and Create I/O Submission Queue (5.3, 5.4)
export const NVME_QUEUE_PC = 1 << 0
export const NVME_CQ_IEN = 1 << 1
export const NVME_QUEUE_UPPER_SHIFT = 16

// NVM commands (6)
export const NVME_NVM_FLUSH = 0x00
export const NVME_NVM_WRITE = 0x01
export const NVME_NVM_READ = 0x02
export const NVME_NVM_WRITE_ZEROES = 0x08
export const NVME_NVM_DSM = 0x09
/** CDW12 of Read, Write and Write Zeroes: Number of Logical Blocks, less one, and Force Unit Access. */
export const NVME_NLB_MASK = 0xffff
export const NVME_RW_FUA = 0x40000000
/** One range of Dataset Management (6.7.1.1). */
export const NvmeDsmRange = defineStruct('NVME_LBA_RANGE', 0x10, {
  attributes: u32(0x00),
  length: u32(0x04),
  startLow: u32(0x08),
  startHigh: u32(0x0c),
})
export const NVME_DSM_RANGES_MASK = 0xff

// Identify (5.15): CNS values, and the structures that each returns
export const NVME_IDENTIFY_BYTES = 0x1000
export const NVME_CNS_NAMESPACE = 0
export const NVME_CNS_CONTROLLER = 1
export const NVME_CNS_ACTIVE_NAMESPACES = 2
export const NVME_CNS_DESCRIPTORS = 3
export const NVME_NSID_ALL = 0xffffffff
/** Highest NSID that the list of active namespaces takes to begin after (5.15.2.3). */
export const NVME_NSID_LIST_LIMIT = 0xfffffffd

/** Identify Controller (figure 247). */
export const NvmeIdentifyController = defineStruct('NVME_IDENTIFY_CONTROLLER_DATA', NVME_IDENTIFY_BYTES, {
  vid: u16(0x00),
  ssvid: u16(0x02),
  sn: bytes(0x04, 20),
  mn: bytes(0x18, 40),
  fr: bytes(0x40, 8),
  rab: u8(0x48),
  ieee: bytes(0x49, 3),
  mdts: u8(0x4d),
  cntlid: u16(0x4e),
  ver: u32(0x50),
  cntrltype: u8(0x6f),
  oacs: u16(0x100),
  acl: u8(0x102),
  aerl: u8(0x103),
  frmw: u8(0x104),
  lpa: u8(0x105),
  elpe: u8(0x106),
  wctemp: u16(0x10a),
  cctemp: u16(0x10c),
  sqes: u8(0x200),
  cqes: u8(0x201),
  nn: u32(0x204),
  oncs: u16(0x208),
  vwc: u8(0x20d),
  subnqn: bytes(0x300, 256),
  /** Power state 0: maximum power, then latencies. */
  psd0Mp: u16(0x800),
  psd0Enlat: u32(0x804),
  psd0Exlat: u32(0x808),
})
export type NvmeIdentifyController = ViewOf<typeof NvmeIdentifyController>
export const NVME_SN_BYTES = 20
export const NVME_MN_BYTES = 40
export const NVME_FR_BYTES = 8
export const NVME_ONCS_DSM = 1 << 2
export const NVME_ONCS_WRITE_ZEROES = 1 << 3
export const NVME_VWC_PRESENT = 1 << 0
export const NVME_LPA_EXTENDED = 1 << 2
export const NVME_CNTRLTYPE_IO = 1

/** Identify Namespace (figure 245). */
export const NvmeIdentifyNamespace = defineStruct('NVME_IDENTIFY_NAMESPACE_DATA', NVME_IDENTIFY_BYTES, {
  nszeLow: u32(0x00),
  nszeHigh: u32(0x04),
  ncapLow: u32(0x08),
  ncapHigh: u32(0x0c),
  nuseLow: u32(0x10),
  nuseHigh: u32(0x14),
  nlbaf: u8(0x19),
  flbas: u8(0x1a),
  eui64: bytes(0x78, 8),
  /** LBA formats: metadata bytes, then LBADS << 16. */
  lbaf: array(0x80, 16, u32),
})
export type NvmeIdentifyNamespace = ViewOf<typeof NvmeIdentifyNamespace>
export const NVME_FLBAS_MASK = 0xf
export const NVME_LBAF_LBADS_SHIFT = 16
export const NVME_LBAF_LBADS_MASK = 0xff
export const NVME_LBA_FORMATS = 16
/** A namespace identification descriptor: NIDT, NIDL, two bytes reserved, the identifier (figure 249). */
export const NVME_NIDT_EUI64 = 1
export const NVME_DESCRIPTOR_HEADER_BYTES = 4

// Features (5.21.1)
export const NVME_FEATURE_ARBITRATION = 0x01
export const NVME_FEATURE_LBA_RANGE = 0x03
export const NVME_FEATURE_TEMPERATURE_THRESHOLD = 0x04
export const NVME_FEATURE_WRITE_CACHE = 0x06
export const NVME_FEATURE_QUEUES = 0x07
export const NVME_FEATURE_INTERRUPT_VECTOR = 0x09
export const NVME_FEATURE_ASYNC_EVENT = 0x0b
export const NVME_FEATURE_ID_MASK = 0xff
export const NVME_FEATURE_SAVE = 0x80000000

// Log pages (5.14.1)
export const NVME_LOG_ERROR = 0x01
export const NVME_LOG_SMART = 0x02
export const NVME_LOG_FIRMWARE = 0x03
/** Of the firmware slot information: the revision in slot 1. */
export const NVME_LOG_FIRMWARE_SLOT_1 = 8
export const NVME_LOG_ERROR_BYTES = 64
export const NVME_LOG_PAGE_BYTES = 512
/** CDW10 of Get Log Page: the event stays masked. */
export const NVME_LOG_RAE = 1 << 15

// Asynchronous events (5.2.1): type, information, log page in dword 0 of the completion
export const NVME_EVENT_ERROR = 0
export const NVME_EVENT_INVALID_DOORBELL_REGISTER = 0x00
export const NVME_EVENT_INVALID_DOORBELL_VALUE = 0x01
export const NVME_EVENT_INFORMATION_SHIFT = 8
export const NVME_EVENT_LOG_SHIFT = 16

// Class code (2.1.5): mass storage, non-volatile memory, NVM Express I/O controller
export const PCI_CLASS_NVME = 0x010802

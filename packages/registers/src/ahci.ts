// The AHCI host bus adapter: registers, and structures in memory. Serial ATA AHCI 1.3.1; FIS types from Serial ATA 3.0, 10.3.
import { bytes, defineStruct, u8, u16, u32, type ViewOf } from '@dumpstack/bytes'

// Generic host control (section 3.1): offsets from ABAR
export const AHCI_CAP = 0x00
export const AHCI_GHC = 0x04
export const AHCI_IS = 0x08
export const AHCI_PI = 0x0c
export const AHCI_VS = 0x10
export const AHCI_CCC_CTL = 0x14
export const AHCI_CCC_PORTS = 0x18
export const AHCI_EM_LOC = 0x1c
export const AHCI_EM_CTL = 0x20
export const AHCI_CAP2 = 0x24
export const AHCI_BOHC = 0x28
/** Vendor specific registers end and port registers begin (section 3). */
export const AHCI_VENDOR = 0xa0
export const AHCI_PORTS = 0x100
export const AHCI_PORT_BYTES = 0x80
export const AHCI_MAX_PORTS = 32
export const AHCI_MAX_SLOTS = 32

// CAP (section 3.1.1)
export const CAP_NCS_SHIFT = 8 // number of command slots minus one, bits 12:8
export const CAP_NCS_MASK = 0x1f
export const CAP_ISS_SHIFT = 20 // interface speed: 1, 2, 3 = 1.5, 3, 6 Gb/s
export const CAP_SCLO = 1 << 24
export const CAP_SSS = 1 << 27
export const CAP_SNCQ = 1 << 30
export const CAP_S64A = 0x80000000

// GHC (section 3.1.2)
export const GHC_HR = 1 << 0
export const GHC_IE = 1 << 1
export const GHC_AE = 0x80000000

/** VS (section 3.1.5): major version in bits 31:16, minor in 15:0. */
export const AHCI_VS_1_3_1 = 0x00010301

// Port registers (section 3.3): offsets from AHCI_PORTS + port * AHCI_PORT_BYTES
export const PxCLB = 0x00
export const PxCLBU = 0x04
export const PxFB = 0x08
export const PxFBU = 0x0c
export const PxIS = 0x10
export const PxIE = 0x14
export const PxCMD = 0x18
export const PxTFD = 0x20
export const PxSIG = 0x24
export const PxSSTS = 0x28
export const PxSCTL = 0x2c
export const PxSERR = 0x30
export const PxSACT = 0x34
export const PxCI = 0x38
export const PxSNTF = 0x3c
export const PxFBS = 0x40
export const PxDEVSLP = 0x44
export const PxVS = 0x70

// PxIS and PxIE (sections 3.3.5 and 3.3.6): PxIE has the same bits, with E for S
export const PxIS_DHRS = 1 << 0
export const PxIS_PSS = 1 << 1
export const PxIS_DSS = 1 << 2
export const PxIS_SDBS = 1 << 3
export const PxIS_UFS = 1 << 4
export const PxIS_DPS = 1 << 5
export const PxIS_PCS = 1 << 6
export const PxIS_DMPS = 1 << 7
export const PxIS_PRCS = 1 << 22
export const PxIS_IPMS = 1 << 23
export const PxIS_OFS = 1 << 24
export const PxIS_INFS = 1 << 26
export const PxIS_IFS = 1 << 27
export const PxIS_HBDS = 1 << 28
export const PxIS_HBFS = 1 << 29
export const PxIS_TFES = 1 << 30
export const PxIS_CPDS = 0x80000000

// PxCMD (section 3.3.7)
export const PxCMD_ST = 1 << 0
export const PxCMD_SUD = 1 << 1
export const PxCMD_POD = 1 << 2
export const PxCMD_CLO = 1 << 3
export const PxCMD_FRE = 1 << 4
export const PxCMD_CCS_SHIFT = 8
export const PxCMD_CCS_MASK = 0x1f
export const PxCMD_FR = 1 << 14
export const PxCMD_CR = 1 << 15
export const PxCMD_ATAPI = 1 << 24
export const PxCMD_DLAE = 1 << 25

/** PxTFD (section 3.3.8): status in bits 7:0, error in 15:8. */
export const PxTFD_ERR_SHIFT = 8
/** PxTFD without a device: BSY, DRDY, DF, DSC, DRQ and the reserved bits all set (section 3.3.8). */
export const PxTFD_RESET = 0x7f

// PxSSTS (section 3.3.10)
export const PxSSTS_DET_MASK = 0xf
export const PxSSTS_DET_ESTABLISHED = 3
export const PxSSTS_DET_OFFLINE = 4
export const PxSSTS_SPD_SHIFT = 4
export const PxSSTS_SPD_GEN3 = 3
export const PxSSTS_IPM_SHIFT = 8
export const PxSSTS_IPM_ACTIVE = 1

// PxSCTL (section 3.3.11)
export const PxSCTL_DET_MASK = 0xf
export const PxSCTL_DET_NONE = 0
export const PxSCTL_DET_COMRESET = 1
export const PxSCTL_DET_OFFLINE = 4

// PxSERR (section 3.3.12)
export const PxSERR_DIAG_N = 1 << 16 // PhyRdy change
export const PxSERR_DIAG_X = 1 << 26 // exchanged: a COMINIT came

/** PxSIG before any signature came (section 3.3.9). */
export const PxSIG_RESET = 0xffffffff

/** Command list entry (section 4.2.2, figure 5); the list holds 32, 1 KiB aligned. */
export const CommandHeader = defineStruct('AHCI_COMMAND_HEADER', 0x20, {
  /** DW 0: bits 4:0 CFL, the bits below, PRDTL in 31:16. */
  di: u32(0x00),
  /** Physical region descriptor byte count: bytes transferred. */
  prdbc: u32(0x04),
  /** Command table base address, 128-byte aligned. */
  ctba: u32(0x08),
  ctbau: u32(0x0c),
})
export type CommandHeader = ViewOf<typeof CommandHeader>
export const COMMAND_LIST_BYTES = 0x400
export const COMMAND_HEADER_CFL_MASK = 0x1f // FIS length in dwords, 2 to 16
export const COMMAND_HEADER_W = 1 << 6 // write: from memory to the device
export const COMMAND_HEADER_B = 1 << 9 // BIST
export const COMMAND_HEADER_C = 1 << 10 // clear busy upon R_OK
export const COMMAND_HEADER_PRDTL_SHIFT = 16

// Command table (section 4.2.3, figure 6)
export const COMMAND_TABLE_CFIS = 0x00
export const COMMAND_TABLE_PRDT = 0x80

/** Physical region descriptor (section 4.2.3.3, figure 7). */
export const PrdtEntry = defineStruct('AHCI_PRDT_ENTRY', 0x10, {
  dba: u32(0x00), // bit 0 is reserved: word aligned
  dbau: u32(0x04),
  /** Bits 21:0 DBC, byte count minus one and odd; bit 31 I. */
  dbc: u32(0x0c),
})
export type PrdtEntry = ViewOf<typeof PrdtEntry>
export const PRDT_DBC_MASK = 0x3fffff
export const PRDT_I = 0x80000000

// Received FIS area (section 4.2.1, figure 4), 256-byte aligned
export const RECEIVED_FIS_BYTES = 0x100
export const RECEIVED_FIS_DSFIS = 0x00
export const RECEIVED_FIS_PSFIS = 0x20
export const RECEIVED_FIS_RFIS = 0x40
export const RECEIVED_FIS_SDBFIS = 0x58

// FIS types (Serial ATA 3.0 section 10.3)
export const FIS_TYPE_REG_H2D = 0x27
export const FIS_TYPE_REG_D2H = 0x34
export const FIS_TYPE_DMA_SETUP = 0x41
export const FIS_TYPE_PIO_SETUP = 0x5f
export const FIS_TYPE_SET_DEVICE_BITS = 0xa1

/** Register host to device (Serial ATA 3.0 section 10.3.4). */
export const FisRegH2D = defineStruct('FIS_REG_H2D', 20, {
  fisType: u8(0),
  /** Bit 7 C: the FIS carries a command; clear: it carries Control. */
  flags: u8(1),
  command: u8(2),
  features: u8(3),
  lba7to0: u8(4),
  lba15to8: u8(5),
  lba23to16: u8(6),
  device: u8(7),
  lba31to24: u8(8),
  lba39to32: u8(9),
  lba47to40: u8(10),
  featuresExp: u8(11),
  count: u8(12),
  countExp: u8(13),
  icc: u8(14),
  control: u8(15),
})
export type FisRegH2D = ViewOf<typeof FisRegH2D>
export const FIS_REG_H2D_C = 1 << 7
export const FIS_CONTROL_SRST = 1 << 2

/** Register device to host (10.3.5); PIO Setup (10.3.11) has the same fields and those at 15, 16. */
export const FisRegD2H = defineStruct('FIS_REG_D2H', 20, {
  fisType: u8(0),
  flags: u8(1),
  status: u8(2),
  error: u8(3),
  lba7to0: u8(4),
  lba15to8: u8(5),
  lba23to16: u8(6),
  device: u8(7),
  lba31to24: u8(8),
  lba39to32: u8(9),
  lba47to40: u8(10),
  count: u8(12),
  countExp: u8(13),
  /** PIO Setup: the status after the data. */
  eStatus: u8(15),
  /** PIO Setup: bytes of the data FIS that follows. */
  transferCount: u16(16),
})
export type FisRegD2H = ViewOf<typeof FisRegD2H>
/** Bit 6 I of byte 1: the device asks for an interrupt. */
export const FIS_I = 1 << 6
/** Bit 5 D of byte 1: data goes from the device to the host. */
export const FIS_D = 1 << 5

/** Set Device Bits (10.3.6). */
export const FisSetDeviceBits = defineStruct('FIS_SET_DEVICE_BITS', 8, {
  fisType: u8(0),
  flags: u8(1),
  /** Bits 6:4 and 2:0 of Status; BSY and DRQ are not carried. */
  status: u8(2),
  error: u8(3),
  /** Tags that completed: cleared in PxSACT. */
  sActive: u32(4),
})
export type FisSetDeviceBits = ViewOf<typeof FisSetDeviceBits>
export const FIS_SDB_STATUS_MASK = 0x77

/** DMA Setup, first party (10.3.8): precedes the data of a queued command. */
export const FisDmaSetup = defineStruct('FIS_DMA_SETUP', 28, {
  fisType: u8(0),
  flags: u8(1),
  dmaBufferId: bytes(4, 8),
  dmaBufferOffset: u32(16),
  dmaTransferCount: u32(20),
})
export type FisDmaSetup = ViewOf<typeof FisDmaSetup>

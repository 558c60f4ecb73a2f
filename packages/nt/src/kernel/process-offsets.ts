// Where EPROCESS keeps id and name, build by build: what KDDEBUGGER_DATA64 does not tell of a process, for dumps of kernels
// without symbols. x64: types of the public PDBs as the headers of ntdiff print them (7600 to 18362), and tables of later
// builds in public sources that agree with each other (22000 to 26100). Held against genuine minidumps of 9600, 17763 and
// 19041. ARM64: the genuine minidump of 22000 only.
import { IMAGE_FILE_MACHINE_AMD64, IMAGE_FILE_MACHINE_ARM64 } from './machine-types.ts'

export interface ProcessOffsets {
  readonly uniqueProcessId: number
  /** Next to the id in every build of the table. */
  readonly activeProcessLinks: number
  /** 15 characters of ASCII, without a NUL when all are used. */
  readonly imageFileName: number
}

export const IMAGE_FILE_NAME_BYTES = 15

interface Row extends ProcessOffsets {
  readonly machine: number
  readonly firstBuild: number
  readonly lastBuild: number
}

const row = (
  machine: number,
  [firstBuild, lastBuild]: readonly [number, number],
  uniqueProcessId: number,
  imageFileName: number,
): Row => ({
  machine,
  firstBuild,
  lastBuild,
  uniqueProcessId,
  activeProcessLinks: uniqueProcessId + 8,
  imageFileName,
})

const ROWS: readonly Row[] = [
  row(IMAGE_FILE_MACHINE_AMD64, [7600, 7601], 0x180, 0x2e0),
  row(IMAGE_FILE_MACHINE_AMD64, [9200, 9600], 0x2e0, 0x438),
  row(IMAGE_FILE_MACHINE_AMD64, [10240, 10240], 0x2e8, 0x448),
  row(IMAGE_FILE_MACHINE_AMD64, [10586, 14393], 0x2e8, 0x450),
  row(IMAGE_FILE_MACHINE_AMD64, [15063, 17763], 0x2e0, 0x450),
  row(IMAGE_FILE_MACHINE_AMD64, [18362, 18363], 0x2e8, 0x450),
  row(IMAGE_FILE_MACHINE_AMD64, [19041, 19045], 0x440, 0x5a8),
  row(IMAGE_FILE_MACHINE_AMD64, [20348, 20348], 0x440, 0x5a8),
  row(IMAGE_FILE_MACHINE_AMD64, [22000, 22631], 0x440, 0x5a8),
  row(IMAGE_FILE_MACHINE_AMD64, [26100, 26200], 0x1d0, 0x338),
  row(IMAGE_FILE_MACHINE_ARM64, [22000, 22000], 0x3f8, 0x560),
]

/** Null for a build that this table does not know. */
export const processOffsets = (machine: number, build: number): ProcessOffsets | null =>
  ROWS.find((at) => at.machine === machine && build >= at.firstBuild && build <= at.lastBuild) ?? null

/**
 * From ETHREAD.Cid to ETHREAD.IrpList, which KDDEBUGGER_DATA64 has: CLIENT_ID, a semaphore and a pointer lie between, in the
 * public types of x64 from Windows Vista to 11, and in the genuine minidumps of x64 and ARM64.
 */
export const CID_TO_IRP_LIST = 0x38

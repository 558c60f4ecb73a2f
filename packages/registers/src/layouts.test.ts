// Offsets as the specifications' tables print them, written here a second time by word, byte and dword number.
import { describe, expect, it } from 'vitest'
import * as spec from './index.ts'

interface Layout {
  readonly size: number
  readonly fields: Readonly<Record<string, { readonly offset: number }>>
}
const structs = spec as unknown as Readonly<Record<string, Layout>> // looked up by the names below

describe.each([
  ['CommandHeader', 32, { prdbc: 4, ctba: 8, ctbau: 12 }],
  ['PrdtEntry', 16, { dba: 0, dbau: 4, dbc: 12 }],
  [
    'FisRegH2D',
    20,
    { command: 2, features: 3, lba7to0: 4, device: 7, lba31to24: 8, featuresExp: 11, count: 12, control: 15 },
  ],
  [
    'FisRegD2H',
    20,
    { status: 2, error: 3, lba7to0: 4, device: 7, lba31to24: 8, count: 12, eStatus: 15, transferCount: 16 },
  ],
  ['FisSetDeviceBits', 8, { status: 2, error: 3, sActive: 4 }],
  ['FisDmaSetup', 28, { dmaBufferOffset: 16, dmaTransferCount: 20 }],
  [
    'IdentifyDevice',
    512,
    {
      serialNumber: 20,
      firmwareRevision: 46,
      modelNumber: 54,
      sectorCount28: 120,
      queueDepth: 150,
      sataCapabilities: 152,
      commandSet83: 166,
      sectorCount48Low: 200,
      physicalLogicalSectorSize: 212,
      logicalSectorWords: 234,
      integrity: 510,
    },
  ],
  ['VirtioPciCap', 16, { cfgType: 3, bar: 4, offset: 8, length: 12 }],
  ['VirtqDesc', 16, { addrLow: 0, addrHigh: 4, len: 8, flags: 12, next: 14 }],
  ['VirtioBlkReq', 16, { type: 0, sectorLow: 8, sectorHigh: 12 }],
  [
    'VirtioBlkConfig',
    36,
    {
      segMax: 12,
      cylinders: 16,
      heads: 18,
      sectors: 19,
      blkSize: 20,
      physicalBlockExp: 24,
      minIoSize: 26,
      optIoSize: 28,
      writeback: 32,
      numQueues: 34,
    },
  ],
  [
    'NvmeCommand',
    64,
    { cid: 2, nsid: 4, prp1Low: 24, prp1High: 28, prp2Low: 32, cdw10: 40, cdw12: 48, cdw15: 60 },
  ],
  ['NvmeCompletion', 16, { dw0: 0, sqhd: 8, sqid: 10, cid: 12, status: 14 }],
  ['NvmeDsmRange', 16, { length: 4, startLow: 8 }],
  [
    'NvmeIdentifyController',
    4096,
    {
      sn: 4,
      mn: 24,
      fr: 64,
      rab: 72,
      ieee: 73,
      mdts: 77,
      cntlid: 78,
      ver: 80,
      cntrltype: 111,
      oacs: 256,
      aerl: 259,
      lpa: 261,
      wctemp: 266,
      cctemp: 268,
      sqes: 512,
      cqes: 513,
      nn: 516,
      oncs: 520,
      vwc: 525,
      subnqn: 768,
      psd0Mp: 2048,
    },
  ],
  [
    'NvmeIdentifyNamespace',
    4096,
    { nszeLow: 0, ncapLow: 8, nuseLow: 16, nlbaf: 25, flbas: 26, eui64: 120, lbaf: 128 },
  ],
  ['NcqCommandErrorLog', 512, { tag: 0, status: 2, error: 3, device: 7, count: 12, checksum: 511 }],
  ['InquiryData', 36, { additionalLength: 4, vendorId: 8, productId: 16, productRevisionLevel: 32 }],
  ['Cdb10', 10, { logicalBlock: 2, transferBlocks: 7 }],
  ['Cdb16', 16, { logicalBlockHigh: 2, logicalBlockLow: 6, transferLength: 10 }],
  [
    'ReadCapacity16Data',
    32,
    { logicalBlockAddressLow: 4, bytesPerBlock: 8, logicalPerPhysicalExponent: 13, lowestAlignedBlock: 14 },
  ],
  [
    'SenseData',
    18,
    {
      senseKey: 2,
      information: 3,
      additionalSenseLength: 7,
      additionalSenseCode: 12,
      additionalSenseCodeQualifier: 13,
    },
  ],
])('%s', (name, size, offsets) => {
  it(`has ${size} bytes`, () => expect(structs[name]?.size).toBe(size))
  it.each(Object.entries(offsets))('%s is at byte %i', (field, offset) => {
    expect(structs[name]?.fields[field]?.offset).toBe(offset)
  })
})

it('numbers of SCSI structures are big-endian', () => {
  const bytes = new Uint8Array(10)
  const cdb = spec.Cdb10.of(bytes)
  cdb.logicalBlock = 0x01020304
  cdb.transferBlocks = 0x0506
  expect([...bytes]).toEqual([0, 0, 1, 2, 3, 4, 0, 5, 6, 0])
})

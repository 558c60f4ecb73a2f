// The settings of the NVMe controller. A trial is a value on which drivers failed, or are known to fail, that were good on the default.
import { NVME_LBA_FORMATS } from '@dumpstack/registers'
import { ON_OFF, type OnOff, type SettingRules } from '../controller-model.ts'

export type NvmeSettings = {
  readonly queues: number
  readonly queueEntries: number
  readonly mdts: number
  readonly doorbellStride: number
  readonly timeout: number
  readonly readyNs: number
  readonly shutdownNs: number
  readonly lbaFormat: number
  readonly writeCache: 'on' | 'off' | 'none'
  readonly msix: OnOff
}

export const NVME_SETTINGS: SettingRules<NvmeSettings> = {
  queues: {
    default: 8,
    min: 1,
    max: 64,
    trials: [1, 64],
    sizes: [1, 8, 64],
    summary:
      'I/O queue pairs that Number of Queues grants, and MSI-X vectors beside that of the admin queue.',
  },
  queueEntries: {
    default: 2048,
    min: 2,
    max: 65536,
    isPowerOfTwo: true,
    trials: [16, 64],
    summary: 'Entries that an I/O queue may have (CAP.MQES).',
  },
  mdts: {
    default: 7,
    min: 0,
    max: 9,
    // 1 is 8 KiB, less than most drivers split to by themselves
    trials: [1, 4, 0],
    summary:
      'Largest transfer, as a power of two of 4 KiB pages (Identify Controller, MDTS); 0 is without limit.',
  },
  doorbellStride: {
    default: 0,
    min: 0,
    max: 4,
    trials: [1, 4],
    summary: 'Doorbells are 4 << n bytes apart (CAP.DSTRD).',
  },
  timeout: {
    default: 15,
    min: 1,
    max: 255,
    trials: [1],
    summary: 'How long a driver waits for CSTS.RDY at most, in units of 500 ms (CAP.TO).',
  },
  readyNs: {
    default: 1_000_000,
    min: 0,
    max: 100_000_000_000,
    // within the shortest CAP.TO
    trials: [450_000_000],
    summary: 'How long CSTS.RDY takes to follow CC.EN, both ways.',
  },
  shutdownNs: {
    default: 1_000_000,
    min: 0,
    max: 10_000_000_000,
    trials: [400_000_000],
    summary: 'From CC.SHN to CSTS.SHST 2.',
  },
  lbaFormat: {
    default: 0,
    min: 0,
    max: NVME_LBA_FORMATS - 1,
    trials: [1],
    summary: 'Which LBA format the namespace has (FLBAS); the others have the other block size.',
  },
  writeCache: {
    default: 'on',
    choices: ['on', 'off', 'none'],
    trials: ['off', 'none'],
    summary: 'The volatile write cache after a reset: enabled, disabled, or none (VWC).',
  },
  msix: {
    default: 'on',
    choices: ON_OFF,
    trials: ['off'],
    summary: 'Whether the function has the MSI-X capability.',
  },
}

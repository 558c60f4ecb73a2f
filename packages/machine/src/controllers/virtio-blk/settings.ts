// The settings of the virtio block device. Defaults are those of QEMU 7.2; a trial is a value on which drivers failed that were good on
// the default.
import { ON_OFF, type OnOff, type SettingRules } from '../controller-model.ts'

export type VirtioBlkSettings = {
  readonly virtio: 'transitional' | 'modern'
  readonly queueSize: number
  readonly queues: number
  readonly segMax: number
  readonly sizeMax: number
  readonly indirect: OnOff
  readonly eventIdx: OnOff
  readonly writeCache: 'on' | 'off' | 'none'
  readonly msix: OnOff
  readonly isrWithMsix: OnOff
  readonly configInterrupts: number
  readonly resetNs: number
}

/** The vectors of all queues and of the configuration fit the table's half page. */
const MAX_QUEUES = 64

export const VIRTIO_BLK_SETTINGS: SettingRules<VirtioBlkSettings> = {
  virtio: {
    default: 'transitional',
    choices: ['transitional', 'modern'],
    trials: ['modern'],
    summary: 'Transitional has both interfaces (id 0x1001), modern has no ports (id 0x1042).',
  },
  queueSize: {
    default: 256,
    min: 4,
    max: 1024,
    isPowerOfTwo: true,
    // not 1024, whose rings fill the 32 KiB that some drivers ask for whatever the device says
    trials: [8, 16, 64, 128, 512],
    sizes: [64, 256, 1024],
    summary: 'Entries of each ring; a modern driver may take fewer.',
  },
  queues: {
    default: 1,
    min: 1,
    max: MAX_QUEUES,
    trials: [4, MAX_QUEUES],
    sizes: [1, 4, MAX_QUEUES],
    summary: 'Request queues; more than one offers VIRTIO_BLK_F_MQ.',
  },
  segMax: {
    default: 254,
    min: 1,
    max: 1022,
    // 1 last: drivers that need a segment more for a buffer that begins inside a page refuse it
    trials: [8, 126, 1],
    summary:
      'Data segments of a request, announced as at most queueSize - 2 (a chain is no longer than its ring).',
  },
  sizeMax: {
    default: 0,
    min: 0,
    max: 0xffffffff,
    // less than the length that ports join pages to, and more than drivers copy through a buffer of their own
    trials: [16384],
    summary: 'Bytes of a segment; 0 does not offer VIRTIO_BLK_F_SIZE_MAX.',
  },
  indirect: {
    default: 'on',
    choices: ON_OFF,
    trials: ['off'],
    summary: 'Whether VIRTIO_F_INDIRECT_DESC is offered.',
  },
  eventIdx: {
    default: 'on',
    choices: ON_OFF,
    trials: ['off'],
    summary: 'Whether VIRTIO_F_EVENT_IDX is offered.',
  },
  writeCache: {
    default: 'on',
    choices: ['on', 'off', 'none'],
    trials: ['off', 'none'],
    summary:
      'The cache after a reset: write-back, write-through, or none (neither FLUSH nor CONFIG_WCE is offered).',
  },
  msix: {
    default: 'on',
    choices: ON_OFF,
    trials: ['off'],
    summary:
      'Whether the function has the MSI-X capability, with a vector for the configuration and for each queue.',
  },
  isrWithMsix: {
    default: 'on',
    choices: ON_OFF,
    trials: ['off'],
    summary:
      'Whether ISR shows used buffers while MSI-X is enabled, as QEMU does; 4.1.5.3 sets it for the line alone.',
  },
  configInterrupts: {
    default: 0,
    min: 0,
    max: 1_000_000,
    // not 1: a driver that reports a unit attention for each would never end a request well
    trials: [2, 5],
    summary: 'A configuration interrupt comes with every n-th completion; 0 is never.',
  },
  resetNs: {
    default: 0,
    min: 0,
    max: 1_000_000_000,
    trials: [1_000_000],
    summary:
      'How long device_status does not read 0 after a driver of the modern interface wrote 0 (4.1.4.3.2).',
  },
}

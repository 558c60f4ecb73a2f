// The settings of the AHCI controller. Defaults are those of ICH9 with a fast disk; a trial is a value on which drivers failed that were
// good on the default.
import { ON_OFF, type OnOff, type SettingRules } from '../controller-model.ts'

/** Of ICH9. */
export const PORT_COUNT = 6
const MAX_QUEUE_DEPTH = 32
const ALL_PORTS = (1 << PORT_COUNT) - 1

export type AhciSettings = {
  readonly slots: number
  readonly ncq: OnOff
  readonly queueDepth: number
  readonly portsImplemented: number
  readonly addresses64: OnOff
  readonly msi: OnOff
  readonly staggeredSpinUp: OnOff
  readonly resetNs: number
  readonly linkNs: number
  readonly busyNs: number
}

export const AHCI_SETTINGS: SettingRules<AhciSettings> = {
  slots: {
    default: 32,
    min: 1,
    max: 32,
    trials: [1, 8],
    sizes: [1, 8, 32],
    summary: 'Command slots of each port (CAP.NCS).',
  },
  ncq: {
    default: 'on',
    choices: ON_OFF,
    // a command in flight then keeps BSY until COMRESET, which not every driver that is right does in a dump
    trials: [],
    summary: 'Whether HBA and disk do native command queuing (CAP.SNCQ, IDENTIFY word 76).',
  },
  queueDepth: {
    default: MAX_QUEUE_DEPTH,
    min: 1,
    max: MAX_QUEUE_DEPTH,
    trials: [1, 4],
    summary: 'Tags that the disk accepts (IDENTIFY word 75).',
  },
  portsImplemented: {
    default: ALL_PORTS,
    min: 0,
    max: ALL_PORTS,
    trials: [0, 0x2a],
    summary: 'PI, to which the ports of disks are added; holes are ports without registers.',
  },
  addresses64: {
    default: 'on',
    choices: ON_OFF,
    trials: ['off'],
    summary: 'Whether addresses have 64 bits (CAP.S64A).',
  },
  msi: {
    default: 'on',
    choices: ON_OFF,
    trials: ['off'],
    summary: 'Whether the function has the MSI capability.',
  },
  staggeredSpinUp: {
    default: 'off',
    choices: ON_OFF,
    trials: ['on'],
    summary: 'Whether a port starts its link after GHC.HR only when PxCMD.SUD is set (CAP.SSS).',
  },
  resetNs: {
    default: 1_000_000,
    min: 0,
    max: 1_000_000_000,
    trials: [900_000_000],
    summary: 'How long GHC.HR reads 1; 10.4.3 allows a second.',
  },
  linkNs: {
    default: 1_000_000,
    min: 0,
    max: 1_000_000_000,
    trials: [9_000_000],
    summary: 'From the end of COMRESET to an established link.',
  },
  busyNs: {
    default: 5_000_000,
    min: 0,
    max: 30_000_000_000,
    trials: [500_000_000],
    summary: 'How long the disk is busy after COMRESET and after a software reset, before its signature.',
  },
}

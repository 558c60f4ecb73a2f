// What happens to a life on plain hardware, each in a life of its own, because one would hide another: events of the running system, and
// faults of the device while the dump is written. What the life may come to is part of the row.
import type { RuntimeStack } from '@dumpstack/drivers'
import type { Fault } from '@dumpstack/machine'

/** Writes of the dump that are good before a fault shows. */
const AFTER_WRITES = 5
const BUSY_NS = 200_000_000
const SLOW_RESET_NS = 400_000_000

export interface LifeEvent {
  readonly summary: string
  /** In the running system, with requests on their way; all of them are awaited afterwards. */
  readonly running?: (runtime: RuntimeStack) => void
  /** Shown by the device from then on. */
  readonly runningFault?: (controller: string) => Fault
  /** Shown by the device while the dump is written. */
  readonly dumpFault?: (controller: string) => Fault
  /** The running system has no more pool once the disk runs. */
  readonly isOutOfPool?: true
  /** On controllers alone whose disks are behind a link. */
  readonly needsLink?: true
  /** Requests of the running system, or the dump, may end with an error; they may not end well without their data. */
  readonly mayFail?: true
}

export type EventName = keyof typeof LIFE_EVENTS

export const LIFE_EVENTS = {
  none: { summary: 'Nothing.' },
  'bus-reset': {
    summary: 'HwResetBus with slow requests on their way.',
    running: (runtime) => runtime.resetBus(),
    runningFault: (controller) => ({ kind: 'latency', controller, nanoseconds: BUSY_NS, count: 8 }),
  },
  restart: {
    summary: 'The adapter is stopped, its power goes and comes, and it is started again.',
    running: (runtime) => runtime.restart(),
  },
  'beyond-end': { summary: 'Requests at and across the end of the disk.' },
  'running-hang': {
    summary: 'The device hangs in the running system until it is reset.',
    runningFault: (controller) => ({ kind: 'hang', controller, afterWrites: 1, count: 1 }),
    mayFail: true,
  },
  'low-memory': {
    summary: 'The running system has no pool for the driver once the disk runs.',
    isOutOfPool: true,
    mayFail: true,
  },
  'transient-error': {
    summary: 'A write of the dump fails once.',
    dumpFault: (controller) => ({ kind: 'transientError', controller, afterWrites: AFTER_WRITES }),
  },
  'persistent-error': {
    summary: 'From one write of the dump on, all writes fail.',
    dumpFault: (controller) => ({ kind: 'persistentError', controller, afterWrites: AFTER_WRITES }),
    mayFail: true,
  },
  busy: {
    summary: 'The device does nothing for 200 ms while the dump is written.',
    dumpFault: (controller) => ({
      kind: 'busy',
      controller,
      afterWrites: AFTER_WRITES,
      nanoseconds: BUSY_NS,
    }),
  },
  'lost-completion': {
    summary: 'The end of a write of the dump is never reported.',
    dumpFault: (controller) => ({ kind: 'lostCompletion', controller, afterWrites: AFTER_WRITES, count: 1 }),
    mayFail: true,
  },
  hang: {
    summary: 'A write of the dump and all after it never end.',
    dumpFault: (controller) => ({ kind: 'hang', controller, afterWrites: AFTER_WRITES }),
    mayFail: true,
  },
  'slow-reset': {
    summary: 'The device is ready 400 ms after the reset of the dump.',
    dumpFault: (controller) => ({ kind: 'slowReset', controller, nanoseconds: SLOW_RESET_NS }),
    mayFail: true,
  },
  'surprise-reset': {
    summary: 'The device resets itself in a write of the dump.',
    dumpFault: (controller) => ({ kind: 'surpriseReset', controller, afterWrites: AFTER_WRITES }),
    mayFail: true,
  },
  'link-down': {
    summary: 'The link to the disk is down when the dump begins, and stays so.',
    dumpFault: (controller) => ({ kind: 'linkDown', controller }),
    needsLink: true,
    mayFail: true,
  },
} as const satisfies Readonly<Record<string, LifeEvent>>

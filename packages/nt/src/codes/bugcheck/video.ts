// Bugchecks and live dumps of the graphics kernel: learn.microsoft.com, "Bug Check Code Reference" and "Kernel Live Dump Code
// Reference", one page a code. Facts from there, in our own words.
import {
  ALL_RESERVED,
  type BugcheckMeanings,
  type BugcheckParameters,
  code,
  moduleAddress,
  ntstatus,
  number,
  object,
  RESERVED,
} from './parameter.ts'

const recovery = object('the recovery context (TDR_RECOVERY_CONTEXT), or 0')
const driver = moduleAddress('an address in the driver that is responsible')
const LIVE_TIMEOUT: BugcheckParameters = [
  recovery,
  driver,
  number('what the driver adds, to tell such dumps apart'),
  number('facts that depend on the context, or 0'),
]
const blackScreen = {
  1: 'the hotkey for black screens',
  2: 'the volume keys',
  4: 'the graphics kernel',
  8: 'the power button held down',
  9: 'reserved for tests',
  10: 'a monitor was connected and no mode could be set',
}

export const VIDEO_BUGCHECKS: BugcheckMeanings = {
  270: {
    text: 'The manager of video memory reached a state that it cannot recover from, mostly by a driver.',
    parameters: [
      code('the kind of error', {
        1: 'a range that cannot be rotated is rotated',
        2: 'a process heap that is not empty is destroyed',
        3: 'unmapping from an aperture segment failed',
        4: 'a rotation failed that must succeed',
        5: 'a deferred command failed',
        6: 'resources are allocated anew for an allocation whose eviction is cancelled',
        8: 'a split DMA buffer holds an invalid reference',
        9: 'an eviction failed',
        10: 'a pinned allocation is used wrongly',
        11: 'BuildPagingBuffer returned an invalid error',
        12: 'a segment leaks resources',
        13: 'a segment is used wrongly',
        14: 'mapping into an aperture segment failed',
        15: 'AcquireSwizzlingRange returned an invalid error',
        16: 'ReleaseSwizzlingRange returned an invalid error',
        17: 'an aperture segment is used wrongly',
        18: 'the driver overflowed its DMA buffer',
        19: 'the driver overflowed its private data buffer',
        20: 'purging all segments failed',
        21: 'an address descriptor is freed that is still rotated',
        22: 'the driver broke the contract of guaranteed DMA buffers',
        23: 'a system command failed',
        24: 'the resource of a pinned allocation could not be released',
        25: 'the driver could not patch a DMA buffer',
        26: 'the owner of a shared allocation was freed',
        27: 'an aperture range is released that is in use',
        37: 'the GPU wrote over an undefined part of the aperture',
        51: 'a device is destroyed while allocations are resident on it',
      }),
      RESERVED,
      RESERVED,
      RESERVED,
    ],
  },
  275: { text: 'The graphics kernel found a rule broken.', parameters: ALL_RESERVED },
  278: {
    text: 'The display driver stopped responding, and resetting it failed.',
    parameters: [
      recovery,
      driver,
      ntstatus('the status of the last operation that failed, if known'),
      number('facts that depend on the context, or 0'),
    ],
  },
  279: {
    text: 'The display driver did not respond in time; a live dump was taken and the system keeps running.',
    parameters: LIVE_TIMEOUT,
  },
  281: {
    text: 'The scheduler of the graphics kernel found a rule broken, mostly by the display driver.',
    parameters: [
      code('the kind of violation', {
        1: 'the driver reported an invalid fence',
        2: 'the driver failed to submit a command',
        3: 'the driver failed to patch a command buffer',
        4: 'the driver reported an invalid length of the flip queue',
        5: 'the driver failed a system or paging command',
        6: 'an interrupt came without a mask of adapters',
        7: 'a vertical sync came from an adapter that only renders',
        8: 'the mask lacks the node that causes the reset',
        9: 'the driver failed to cancel a command',
        10: 'the driver reported an aborted fence that is out of range',
        11: 'the driver failed SetVidPnSourceAddressWithMultiPlaneOverlay',
        12: 'a page fault of the GPU is fatal',
        13: 'the flags of a DMA page fault are wrong',
        14: 'a vertical sync came for a plane that does not exist',
        16: 'an interrupt came after a reset and before the engine was resumed',
        17: 'a suspended context completed a fence that was not issued',
        18: 'the driver failed to update the monitored value of a fence',
        19: 'the driver failed to update the current value of a fence',
        1024: 'internal state is wrong: corrupt memory or bad hardware',
        3584: 'no memory for the packets of passive flips',
        4096: 'internal state is wrong: corrupt memory or bad hardware',
        40960: 'internal state is wrong: corrupt memory or bad hardware',
        65536: 'internal state is wrong: corrupt memory or bad hardware',
      }),
      RESERVED,
      RESERVED,
      RESERVED,
    ],
  },
  321: {
    text: 'An engine of the display adapter did not respond in time; a live dump was taken and the system keeps running.',
    parameters: LIVE_TIMEOUT,
  },
  391: {
    text: 'The window manager did not start, and the basic display driver took over; a live dump was taken.',
    parameters: [
      code('the reason', { 1: 'the window manager failed again and again' }),
      RESERVED,
      RESERVED,
      RESERVED,
    ],
  },
  403: {
    text: 'The graphics kernel took a live dump; the system keeps running.',
    parameters: [code('the reason', { 256: 'internal' }), RESERVED, RESERVED, RESERVED],
  },
  424: {
    text: 'The user reported a black screen; the graphics kernel took a live dump.',
    parameters: [code('what asked for it', blackScreen), RESERVED, RESERVED, RESERVED],
  },
  432: {
    text: 'A display miniport failed; a live dump was taken and the system keeps running.',
    parameters: [
      code('what failed', { 1: 'adding the device', 2: 'starting the device' }),
      ntstatus('the status'),
      RESERVED,
      RESERVED,
    ],
  },
  440: {
    text: 'The user reported a black screen; a display miniport took a live dump.',
    parameters: [code('what asked for it', blackScreen), RESERVED, RESERVED, RESERVED],
  },
}

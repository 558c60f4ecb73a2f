// What is left of the system when it is switched off, besides the disk image and the files of C: themselves: what the
// next start goes by, in whatever process. As JSON it stands in a run's state file; damage is named, never used.

import type { Bugcheck } from '@dumpstack/nt'
import { bugcheck, type Facts, type SystemEvent, systemEvents } from '@dumpstack/target'
import type { CrashControlSettings } from '../registry/crash-control.ts'
import type { SavedKey } from '../registry/registry.ts'
import { savedKeysOf } from '../registry/saved-keys.ts'
import { savedVolumeOf } from '../volume/saved-volume.ts'
import type { SavedVolume } from '../volume/volume.ts'

/** How the last run ended, beyond what is on the disk. */
export interface LastCrash {
  readonly bugcheck: Bugcheck
  readonly at: number
  /** null: no dump was configured. */
  readonly dump: { readonly finalStatus: number } | null
}

export interface PoweredOff {
  /** The machine's clock: no battery of ours ever fails. */
  readonly nowNs: number
  /** Where the row of start times is. */
  readonly startTimes: number
  /** All keys but the volatile ones. */
  readonly registry: readonly SavedKey[]
  readonly volume: SavedVolume
  /** Whether smss finds a dump in a page file. */
  readonly hasDump: boolean
  readonly events: readonly SystemEvent[]
  /** null after an orderly shutdown. */
  readonly crash: LastCrash | null
}

export interface PoweredOffTarget {
  readonly system: PoweredOff
  /** The crash settings before the test, to be put back at its end. */
  readonly settings: CrashControlSettings
  /** Events before this one belong to an earlier dump. */
  readonly firstEvent: number
}

export function poweredOffTargetOf(facts: Facts): PoweredOffTarget {
  const settings = facts.object('settings')
  return {
    system: poweredOffOf(facts.object('system')),
    settings: {
      values: settings
        .objects('values')
        .map((value) => ({ name: value.string('name'), data: value.optionalNumber('data') })),
      pageFileBytes: settings.optionalNumber('pageFileBytes'),
    },
    firstEvent: facts.size('firstEvent'),
  }
}

/** Virtual time up to which nanoseconds count exactly: 104 days. */
const LAST_NS = Number.MAX_SAFE_INTEGER

/** Throws TargetError RUN_FOLDER_CORRUPT naming the field, WindowsError VOLUME_DAMAGED later for files that overlap. */
function poweredOffOf(facts: Facts): PoweredOff {
  const nowNs = facts.number('nowNs')
  if (nowNs > LAST_NS) throw facts.wrong('nowNs', nowNs, `at most ${LAST_NS}`)
  const crash = facts.optional('crash')
  return {
    nowNs,
    startTimes: facts.int32('startTimes'),
    registry: savedKeysOf(facts),
    volume: savedVolumeOf(facts.object('volume')),
    hasDump: facts.boolean('hasDump'),
    events: systemEvents.read(facts, 'events'),
    crash: crash === null ? null : lastCrashOf(crash),
  }
}

function lastCrashOf(facts: Facts): LastCrash {
  const dump = facts.optional('dump')
  return {
    bugcheck: bugcheck.read(facts, 'bugcheck'),
    at: facts.time('at'),
    dump: dump === null ? null : { finalStatus: dump.number('finalStatus') },
  }
}

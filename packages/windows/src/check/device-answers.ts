// What the device says of what the running instance gave it: the dump port reports that of a dump itself.
import type { Machine } from '@dumpstack/machine'

type Evidence = Machine['evidence']

/** What the device took although it need not, once for each limit. */
export function toleratedBy({ refusals }: Pick<Evidence, 'refusals'>): string[] {
  const tolerated = refusals.filter(({ isTolerated }) => isTolerated)
  const first = new Map(tolerated.toReversed().map((one) => [one.limit, one]))
  return [...first.values()].map(({ controller, message }) => `${controller} tolerates ${message}`)
}

/** Why a request can have failed, to be added to that; empty where the device has refused nothing. */
export function refusedBy({ refusals, stops }: Pick<Evidence, 'refusals' | 'stops'>): string {
  const refused = refusals.find(({ isTolerated }) => !isTolerated)
  const [stop] = stops
  const refusal = refused === undefined ? '' : `; ${refused.controller} refused ${refused.message}`
  return stop === undefined ? refusal : `${refusal}; ${stop.controller} stopped: ${stop.reason}`
}

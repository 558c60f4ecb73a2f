// What the test and the system both keep in their records, described once for type and reader.
import type { Bugcheck } from '@dumpstack/nt'
import {
  about,
  count,
  hex64,
  list,
  named,
  number,
  objectOf,
  oneOf,
  optional,
  text,
  texts,
  time,
  tuple4,
} from './schema.ts'
import { EVENT_SOURCES, type SystemEvent } from './system-event.ts'

export const bugcheck = named('bugcheck', objectOf<Bugcheck>({ code: number, parameters: tuple4(hex64) }))

export const systemEventFields = {
  id: count,
  source: about('The provider.', oneOf(EVENT_SOURCES)),
  eventSourceName: optional(
    about(
      "The provider's EventSourceName, which event viewers list as the source; absent where it has none.",
      oneOf(['BugCheck']),
    ),
  ),
  at: time,
  text,
  fields: texts,
}

export const systemEvents = list(objectOf<SystemEvent>(systemEventFields))

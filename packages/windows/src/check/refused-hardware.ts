// What a driver may refuse: hardware that it does not drive, and says so. Where that is plugged in, and the system around it, it has to take.
import type { DumpstackError } from '@dumpstack/bytes'
import type { LifeSettings, SystemSettings } from './settings.ts'

/** What is of the system alone. */
const MUST_TAKE: ReadonlySet<string> = new Set([
  'bus',
  'port',
  'cpus',
  'memory',
  'buffers',
  'diskSize',
  'pageFile',
  'extents',
  'secondDump',
  'event',
] satisfies readonly (keyof SystemSettings)[])

/** The errors of a start that the driver itself ends in order. */
const REFUSALS: ReadonlySet<string> = new Set(['ADAPTER_NOT_FOUND', 'ADAPTER_ERROR', 'CONTROLLER_FAILED'])

/** Whether the driver ended its start in order, in a life that has what not every driver drives. */
export const isRefusal = ({ code }: DumpstackError, life: LifeSettings): boolean =>
  REFUSALS.has(code) && Object.keys(life).some((key) => !MUST_TAKE.has(key))

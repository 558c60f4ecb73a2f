// `dumpstack test`: what the options mean together. Everything that can be refused before a machine exists is refused here.
import { type DumpType, type Scenario, scenarios } from '@dumpstack/crashtest'
import { InvalidArgumentError } from 'commander'
import { MEGABYTE, type PageFileSize } from './sizes.ts'
import { UsageError } from './usage-error.ts'

/** As commander hands them over. */
export interface GivenTestOptions {
  readonly dumps: readonly DumpType[]
  readonly ram: number
  readonly cpus: number
  readonly pagefile?: PageFileSize
  readonly scenario?: Scenario
  readonly seed: number
  readonly out?: string
  readonly stopAfter?: 'crash'
  readonly json?: true
  readonly junit?: string
}

export interface TestPlan {
  readonly dumps: readonly DumpType[]
  readonly ramBytes: number
  readonly cpuCount: number
  readonly pageFileBytes: number
  readonly scenario: Scenario | null
  readonly seed: number
  readonly stopAfter: 'crash' | null
}

const PAGE_BYTES = 4096
const LEAST_RAM = 64 * MEGABYTE
const MOST_RAM = 64 * 1024 * MEGABYTE
export const DISK_BYTES = 64 * 1024 * MEGABYTE
/** What the partition table, its backup and the volume's own files take of the disk. */
const DISK_OVERHEAD = 256 * MEGABYTE
/** The page file that the kit's page asks for by default: RAM and 257 MB. */
export const DEFAULT_PAGE_FILE = 'mem+257'

const DUMP_TYPES: readonly DumpType[] = ['full', 'kernel']

export function parseDumps(text: string): DumpType[] {
  const names = text.split(',').map((name) => name.trim())
  const dumps = names.map((name) => DUMP_TYPES.find((type) => type === name))
  const unknown = names.find((_, index) => dumps[index] === undefined)
  if (unknown !== undefined)
    throw new InvalidArgumentError('There are full and kernel, as in --dumps full,kernel.')
  if (new Set(dumps).size !== dumps.length) throw new InvalidArgumentError('A dump type is named twice.')
  return dumps.filter((dump) => dump !== undefined)
}

export function parseScenario(text: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === text)
  if (found === undefined) {
    throw new InvalidArgumentError(`There are ${scenarios.map((scenario) => scenario.name).join(', ')}.`)
  }
  return found
}

export function parseStopAfter(text: string): 'crash' {
  if (text !== 'crash') throw new InvalidArgumentError("Only 'crash' can be stopped after.")
  return text
}

/** Throws UsageError for what contradicts itself or cannot be. */
export function planTest(given: GivenTestOptions, defaultPageFile: PageFileSize): TestPlan {
  const ramBytes = given.ram
  if (ramBytes < LEAST_RAM || ramBytes > MOST_RAM) {
    throw new UsageError(`--ram is ${ramBytes} bytes, expected from 64M to 64G`)
  }
  if (ramBytes % PAGE_BYTES !== 0) {
    throw new UsageError(`--ram is ${ramBytes} bytes, expected a multiple of the page size ${PAGE_BYTES}`)
  }
  const scenario = given.scenario ?? null
  if (scenario?.pageFileBytes !== undefined && given.pagefile !== undefined) {
    throw new UsageError(`--scenario ${scenario.name} sets the page file itself: leave out --pagefile`)
  }
  const pageFileBytes = scenario?.pageFileBytes?.(ramBytes) ?? (given.pagefile ?? defaultPageFile)(ramBytes)
  if (pageFileBytes === 0) throw new UsageError('--pagefile is 0 bytes, expected a page file')
  if (pageFileBytes > DISK_BYTES - DISK_OVERHEAD) {
    throw new UsageError(
      `--pagefile is ${pageFileBytes} bytes and lies outside the disk: at most ${DISK_BYTES - DISK_OVERHEAD} bytes of its ${DISK_BYTES} are free`,
    )
  }
  return {
    dumps: given.dumps,
    ramBytes,
    cpuCount: given.cpus,
    pageFileBytes,
    scenario,
    seed: given.seed,
    stopAfter: given.stopAfter ?? null,
  }
}

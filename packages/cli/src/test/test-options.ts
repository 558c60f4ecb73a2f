// `dumpstack test`: what the options mean together. Everything that can be refused before a machine exists is refused here.
import path from 'node:path'
import { FREE_BYTES_NEEDED, type Scenario, scenarios } from '@dumpstack/crashtest'
import { controllerNamed } from '@dumpstack/machine'
import {
  controllerDrivers,
  drivenControllers,
  PROFILES,
  type Profile,
  ProfileError,
  win10_19041,
} from '@dumpstack/nt'
import {
  DUMP_TYPES,
  type DumpType,
  type Facts,
  MAX_CPUS,
  MIN_RAM_BYTES,
  TargetOptionsError,
} from '@dumpstack/target'
import {
  type LifeSettings,
  lifeOf,
  lifeOptions,
  SECTORS,
  type SystemSettings,
  settingText,
} from '@dumpstack/windows'
import { InvalidArgumentError } from 'commander'
import { DEFAULT_DEBUGGERS, debuggersFolder } from '../drive/kd-launchers.ts'
import { MEGABYTE, type PageFileSize } from '../options/sizes.ts'
import { UsageError } from '../program/usage-error.ts'
import { isShare } from '../symbols/kept-symbol-path.ts'
import { shellWord } from '../terminal/shell-word.ts'

/** What a test or an examination leaves besides a run folder. */
export interface TestOutput {
  readonly json: boolean
  /** File for the JUnit XML. */
  readonly junit: string | null
  /** File for the events, or - for stdout. */
  readonly events: string | null
}

/** As commander hands the options over. */
export interface GivenOutput {
  readonly json?: true
  readonly junit?: string
  readonly events?: string
}

export const testOutput = ({ json, junit, events }: GivenOutput): TestOutput => ({
  json: json === true,
  junit: junit ?? null,
  events: events ?? null,
})

export interface GivenTestOptions extends GivenOutput {
  /** DEFAULT_PROFILE without it. */
  readonly profile?: Profile
  readonly dumps: readonly DumpType[]
  readonly ram: number
  readonly cpus: number
  /** Not yet checked. */
  readonly controller: string
  readonly pagefile?: PageFileSize
  readonly scenario?: Scenario
  readonly seed: number
  readonly out?: string
  readonly stopAfter?: 'crash'
  readonly resume?: string
  readonly y?: string
  readonly driver?: string
  readonly pdb?: string
  /** Folder of C: for the debuggers; DEFAULT_DEBUGGERS without it. */
  readonly debuggers?: string
  /** Settings of the controller. */
  readonly device?: LifeSettings
  readonly sector?: SystemSettings['sector']
  /** As large as the test needs without it. */
  readonly diskSize?: number
}

export interface TestPlan {
  readonly profile: Profile
  readonly dumps: readonly DumpType[]
  readonly ramBytes: number
  readonly cpuCount: number
  /** Its kind. */
  readonly controller: string
  readonly pageFileBytes: number
  readonly diskBytes: number
  readonly sector: SystemSettings['sector']
  /** The settings of the controller that differ from its defaults. */
  readonly settings: LifeSettings
  readonly scenario: Scenario | null
  readonly seed: number
  readonly stopAfter: 'crash' | null
  /** Null: the symbols of our own guest. */
  readonly symbolPath: string | null
  /** A driver file under test, and its PDB where one was named; null: the profile's miniport is modelled. */
  readonly driverFile: string | null
  readonly driverPdb: string | null
  /** The folder of C: where the test installs kd. */
  readonly debuggersFolder: string
}

const PAGE_BYTES = 4096
const SECTOR_NAMES = Object.keys(SECTORS) as readonly SystemSettings['sector'][] // of a literal
/** The Windows that is tested where nothing else is said: no library has a default. */
export const DEFAULT_PROFILE: Profile = win10_19041
/** The kinds of controller that it has drivers for; each is in the machine's registry. */
export const DRIVEN_CONTROLLERS = drivenControllers(DEFAULT_PROFILE)
export const DEFAULT_CONTROLLER = 'ahci'
export const MAX_SEED = 0xffffffff
const MAX_RAM = 64 * 1024 * MEGABYTE
const GIGABYTE = 1024 * MEGABYTE
const MIN_DISK = 64 * GIGABYTE
/** What the partition table, its backup and the volume's own files take of the disk. */
const DISK_OVERHEAD = 256 * MEGABYTE
/** The page file that the kit's page asks for by default: RAM and 257 MB. */
export const DEFAULT_PAGE_FILE = 'mem+257'

export function parseDumps(text: string): DumpType[] {
  const names = text.split(',').map((name) => name.trim())
  const dumps = names.map((name) => DUMP_TYPES.find((type) => type === name))
  const unknown = names.find((_, index) => dumps[index] === undefined)
  if (unknown !== undefined)
    throw new InvalidArgumentError(`Expected some of ${DUMP_TYPES.join(', ')}, as in --dumps kernel,mini.`)
  if (new Set(dumps).size !== dumps.length) throw new InvalidArgumentError('A dump type is named twice.')
  return dumps.filter((dump) => dump !== undefined)
}

export function parseDumpType(text: string): DumpType {
  const found = DUMP_TYPES.find((type) => type === text)
  if (found === undefined) throw new InvalidArgumentError(`Expected one of ${DUMP_TYPES.join(', ')}.`)
  return found
}

export function parseScenario(text: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === text)
  if (found === undefined) {
    throw new InvalidArgumentError(
      `Expected one of ${scenarios.map((scenario) => scenario.name).join(', ')}.`,
    )
  }
  return found
}

export function parseStopAfter(text: string): 'crash' {
  if (text !== 'crash') throw new InvalidArgumentError("Only 'crash' can be stopped after.")
  return text
}

export const profileNamed = (name: string): Profile | undefined =>
  PROFILES.find((known) => known.name === name)

export function parseProfile(name: string): Profile {
  const found = profileNamed(name)
  if (found === undefined)
    throw new InvalidArgumentError(`Expected one of ${PROFILES.map((profile) => profile.name).join(', ')}.`)
  return found
}

/** Throws UsageError for a controller that this Windows has no driver for, with the reason. */
export function controllerOf(name: string, profile: Profile): string {
  try {
    controllerDrivers(profile, name)
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error
    const usable = drivenControllers(profile).join(' or ')
    throw new UsageError(`--controller ${name}: ${error.message}; expected ${usable}`, { cause: error })
  }
  return name
}

/**
 * Files of C: begin in its middle, so half of it can hold a page file; and beside it stay the dump under its temporary
 * name, its copy MEMORY.DMP, and what the test wants free.
 */
const mostPageFileBytes = (diskBytes: number, ramBytes: number): number =>
  Math.min(diskBytes / 2, diskBytes - 2 * ramBytes - FREE_BYTES_NEEDED) - DISK_OVERHEAD

/** Sparse: big enough that a page file of RAM and the dumps leave what the test wants free. */
const diskBytesFor = (ramBytes: number): number =>
  Math.max(MIN_DISK, Math.ceil((4 * ramBytes + FREE_BYTES_NEEDED) / GIGABYTE + 4) * GIGABYTE)

/** Throws UsageError for what contradicts itself or cannot be. */
export function planTest(given: GivenTestOptions, defaultPageFile: PageFileSize): TestPlan {
  const profile = given.profile ?? DEFAULT_PROFILE
  const ramBytes = given.ram
  if (ramBytes < MIN_RAM_BYTES || ramBytes > MAX_RAM) {
    throw new UsageError(`--ram is ${ramBytes} bytes, expected from 64M to 64G`)
  }
  if (ramBytes % PAGE_BYTES !== 0) {
    throw new UsageError(`--ram is ${ramBytes} bytes, expected a multiple of the page size ${PAGE_BYTES}`)
  }
  const scenario = given.scenario ?? null
  if (scenario?.pageFileBytes !== undefined && given.pagefile !== undefined) {
    throw new UsageError(`--scenario ${scenario.name} sets the page file itself: leave out --pagefile`)
  }
  if (given.y !== undefined && scenario?.variants.some(({ symbols }) => symbols !== undefined)) {
    throw new UsageError(`--scenario ${scenario.name} sets the symbol path itself: leave out -y`)
  }
  if (given.pdb !== undefined && given.driver === undefined) {
    throw new UsageError('--pdb belongs to a driver file: give --driver too')
  }
  const pageFileBytes = scenario?.pageFileBytes?.(ramBytes) ?? (given.pagefile ?? defaultPageFile)(ramBytes)
  if (pageFileBytes === 0) throw new UsageError('--pagefile is 0 bytes, expected a page file')
  const diskBytes = given.diskSize ?? diskBytesFor(ramBytes)
  const controller = controllerOf(given.controller, profile)
  const most = mostPageFileBytes(diskBytes, ramBytes)
  if (pageFileBytes > most) {
    throw new UsageError(
      `--pagefile is ${pageFileBytes} bytes, at most ${most} of the disk's ${diskBytes} are left for it`,
    )
  }
  return {
    dumps: given.dumps,
    ramBytes,
    cpuCount: given.cpus,
    profile,
    controller,
    sector: given.sector ?? '512e',
    settings: deviceSettingsOf(controller, given.device ?? {}),
    pageFileBytes,
    diskBytes,
    scenario,
    seed: given.seed,
    stopAfter: given.stopAfter ?? null,
    symbolPath: given.y ?? null,
    driverFile: given.driver === undefined ? null : path.resolve(given.driver),
    driverPdb: given.pdb === undefined ? null : path.resolve(given.pdb),
    debuggersFolder: given.debuggers ?? DEFAULT_DEBUGGERS,
  }
}

/** Throws UsageError for what the controller does not have. */
function deviceSettingsOf(controller: string, given: LifeSettings): LifeSettings {
  try {
    return lifeOf(controllerNamed(controller), given)
  } catch (error) {
    if (!(error instanceof TargetOptionsError)) throw error
    throw new UsageError(`--device: ${error.message}`, { cause: error })
  }
}

/** As journal and state of a run name them. */
export const optionsOf = (plan: TestPlan): Readonly<Record<string, unknown>> => ({
  ...plan,
  profile: plan.profile.name,
  scenario: plan.scenario?.name ?? null,
})

/** The inverse of optionsOf: from a state file. Throws TargetError RUN_FOLDER_CORRUPT. */
export function planOf(facts: Facts): TestPlan {
  const whole = (field: string, least: number, most: number): number => {
    const value = facts.size(field)
    if (value < least || value > most) throw facts.wrong(field, value, `${least} to ${most}`)
    return value
  }
  const dumps = facts.strings('dumps').map((name) => {
    const type = DUMP_TYPES.find((known) => known === name)
    if (type === undefined) throw facts.wrong('dumps', name, `one of ${DUMP_TYPES.join(', ')}`)
    return type
  })
  if (new Set(dumps).size !== dumps.length) throw facts.wrong('dumps', dumps.join(','), 'each type once')
  const scenarioName = facts.optionalString('scenario')
  const scenario = scenarios.find(({ name }) => name === scenarioName)
  if (scenarioName !== null && scenario === undefined)
    throw facts.wrong('scenario', scenarioName, 'a scenario of this version')
  const profileName = facts.string('profile')
  const profile = profileNamed(profileName)
  if (profile === undefined) throw facts.wrong('profile', profileName, 'a profile of this version')
  const pageFileBytes = facts.size('pageFileBytes')
  const symbolPath = facts.optionalString('symbolPath')
  const driverFile = facts.optionalString('driverFile')
  const driverPdb = facts.optionalString('driverPdb')
  for (const [field, file] of Object.entries({ driverFile, driverPdb }))
    if (file !== null && isShare(file)) throw facts.wrong(field, file, 'a file of this host')
  const given: GivenTestOptions = {
    profile,
    dumps,
    ram: facts.size('ramBytes'),
    cpus: whole('cpuCount', 1, MAX_CPUS),
    controller: facts.oneOf('controller', drivenControllers(profile)),
    seed: whole('seed', 0, MAX_SEED),
    debuggers: debuggersFolder(facts.string('debuggersFolder')),
    sector: facts.oneOf('sector', SECTOR_NAMES),
    diskSize: facts.size('diskBytes'),
    device: settingsFact(facts),
    ...(scenario !== undefined && { scenario }),
    ...(symbolPath !== null && { y: symbolPath }),
    ...(driverFile !== null && { driver: driverFile }),
    ...(driverPdb !== null && { pdb: driverPdb }),
    ...(facts.optionalString('stopAfter') !== null && { stopAfter: facts.oneOf('stopAfter', ['crash']) }),
  }
  try {
    const plan = planTest(given, () => pageFileBytes)
    for (const field of ['pageFileBytes', 'diskBytes'] as const)
      if (plan[field] !== facts.size(field)) throw facts.wrong(field, facts.size(field), plan[field])
    return plan
  } catch (error) {
    if (error instanceof UsageError) throw facts.wrong('ramBytes', given.ram, `a plan: ${error.message}`)
    throw error
  }
}

function settingsFact(facts: Facts): LifeSettings {
  const settings: Record<string, number | string> = {}
  for (const [key, value] of Object.entries(facts.record('settings'))) {
    if (typeof value !== 'number' && typeof value !== 'string')
      throw facts.wrong('settings', String(value), 'numbers and words')
    settings[key] = value
  }
  return settings
}

/** The command that does the same run again, on any machine. */
export function reproOf(plan: TestPlan): string {
  const {
    profile,
    dumps,
    ramBytes,
    cpuCount,
    controller,
    pageFileBytes,
    scenario,
    seed,
    stopAfter,
    symbolPath,
    driverFile,
    driverPdb,
    sector,
    settings,
    diskBytes,
  } = plan
  const parts = ['dumpstack test', `--dumps ${dumps.join(',')}`, `--ram ${ramBytes}B`, `--cpus ${cpuCount}`]
  if (profile !== DEFAULT_PROFILE) parts.push(`--profile ${profile.name}`)
  // a driver file is asked where nothing is said
  if (controller !== DEFAULT_CONTROLLER || driverFile !== null) parts.push(`--controller ${controller}`)
  parts.push(...lifeOptions(controllerNamed(controller), settings))
  if (sector !== '512e') parts.push(`--sector ${sector}`)
  if (diskBytes !== diskBytesFor(ramBytes)) parts.push(`--disk-size ${settingText('diskSize', diskBytes)}`)
  if (driverFile !== null) parts.push(`--driver ${shellWord(driverFile)}`)
  if (driverPdb !== null) parts.push(`--pdb ${shellWord(driverPdb)}`)
  if (scenario?.pageFileBytes === undefined) parts.push(`--pagefile ${pageFileBytes}B`)
  if (scenario !== null) parts.push(`--scenario ${scenario.name}`)
  parts.push(`--seed ${seed}`)
  if (symbolPath !== null) parts.push(`-y ${shellWord(symbolPath)}`)
  if (stopAfter !== null) parts.push(`--stop-after ${stopAfter}`)
  return parts.join(' ')
}

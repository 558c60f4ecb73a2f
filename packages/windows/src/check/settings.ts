// What the lives of a check differ in: one table of what the system around the driver may be, and the controller's own settings, which are
// in its record. A life is named by what is not plain in it.
import {
  type ControllerModel,
  expectedOf,
  isAllowed,
  type SettingRule,
  type SettingRules,
  type Settings,
} from '@dumpstack/machine'
import { TargetOptionsError } from '@dumpstack/target'
import { type EventName, LIFE_EVENTS, type LifeEvent } from './events.ts'
import { pairwiseLines } from './pairwise.ts'

const MEGABYTE = 2 ** 20
const TERABYTE = 2 ** 40

export type SystemSettings = {
  readonly sector: '512e' | '512n' | '4Kn'
  readonly diskSize: number
  readonly port: number
  readonly bus: number
  readonly cpus: number
  readonly interrupts: 'messages' | 'line'
  readonly memory: 'below-4G' | 'above-4G'
  readonly buffers: 'in-a-row' | 'scattered'
  readonly pageFile: 'middle' | 'end' | 'beyond-2^28' | 'beyond-2^32'
  readonly extents: number
  readonly secondDump: 'off' | 'on'
  readonly event: EventName
}

/** Bytes of a sector, by its name. */
export const SECTORS = {
  '512e': { logicalSectorBytes: 512, physicalSectorBytes: 4096 },
  '512n': { logicalSectorBytes: 512, physicalSectorBytes: 512 },
  '4Kn': { logicalSectorBytes: 4096, physicalSectorBytes: 4096 },
} as const satisfies Record<SystemSettings['sector'], object>

/** What a life has that is not plain; the keys of SystemSettings and of the controller's settings. */
export type LifeSettings = Readonly<Record<string, number | string>>

const EVENT_NAMES = Object.keys(LIFE_EVENTS) as readonly EventName[] // of a literal

export const SYSTEM_RULES: SettingRules<SystemSettings> = {
  sector: {
    default: '512e',
    choices: ['512e', '512n', '4Kn'],
    trials: ['4Kn', '512n'],
    summary: "The disk's sectors: 512 bytes on physical ones of 4096 or of 512, or 4096 bytes.",
  },
  diskSize: {
    default: 64 * MEGABYTE,
    min: 64 * MEGABYTE,
    max: 64 * TERABYTE,
    trials: [3 * TERABYTE],
    summary: 'Bytes of the disk; it is larger where the page file lies further out.',
  },
  port: {
    default: 0,
    min: 0,
    max: 0,
    trials: [],
    summary: 'The port of the controller that the disk is on, where it has several.',
  },
  bus: {
    default: 0,
    min: 0,
    max: 255,
    trials: [3],
    summary: 'The PCI bus of the controller.',
  },
  cpus: {
    default: 4,
    min: 1,
    max: 64,
    trials: [16, 1, 64],
    sizes: [1, 4, 16, 64],
    summary: 'Processors.',
  },
  interrupts: {
    default: 'messages',
    choices: ['messages', 'line'],
    trials: ['line'],
    summary:
      "What the running driver is interrupted by: messages of its controller, or the line, as where the driver's INF file does not ask for messages.",
  },
  memory: {
    default: 'below-4G',
    choices: ['below-4G', 'above-4G'],
    trials: ['above-4G'],
    summary: 'Whether a part of the RAM, and of the dump, lies above 4 GiB.',
  },
  buffers: {
    default: 'in-a-row',
    choices: ['in-a-row', 'scattered'],
    trials: ['scattered'],
    summary: 'Whether the pages of a request follow each other in RAM.',
  },
  pageFile: {
    default: 'middle',
    choices: ['middle', 'end', 'beyond-2^28', 'beyond-2^32'],
    trials: ['end', 'beyond-2^28', 'beyond-2^32'],
    summary: 'Where the page file lies: to the last sector of the disk, or from just before that sector on.',
  },
  extents: {
    default: 3,
    min: 1,
    max: 1100,
    trials: [1100, 1],
    summary: 'Pieces of the page file; with 1100 nearly each page of the dump is a request of its own.',
  },
  secondDump: {
    default: 'off',
    choices: ['off', 'on'],
    trials: ['on'],
    summary:
      'Whether the system restarts after the dump, crashes again and writes another into the used page file.',
  },
  event: {
    default: 'none',
    choices: EVENT_NAMES,
    trials: EVENT_NAMES.filter((name) => name !== 'none'),
    summary: 'What happens to the running system or to the dump; each in a life of its own.',
  },
}

/** All settings that a life on the controller can have. */
export function settingRules({
  places,
  settings,
  hasLink,
}: ControllerModel): Readonly<Record<string, SettingRule>> & { readonly event: SettingRule } {
  const lastPort = (places.port ?? 1) - 1
  const port = { ...SYSTEM_RULES.port, max: lastPort, trials: lastPort > 0 ? [lastPort, lastPort >> 1] : [] }
  const { choices, trials, ...event } = SYSTEM_RULES.event
  const canHappen = (name: EventName): boolean => {
    const { needsLink }: LifeEvent = LIFE_EVENTS[name]
    return hasLink || needsLink !== true
  }
  const events = { ...event, choices: choices.filter(canHappen), trials: trials.filter(canHappen) }
  return { ...SYSTEM_RULES, port, event: events, ...settings }
}

/** Those of the system, whole. */
export const systemSettings = (life: LifeSettings): SystemSettings =>
  Object.fromEntries(
    Object.entries(SYSTEM_RULES).map(([key, rule]) => [key, life[key] ?? rule.default]),
  ) as SystemSettings // a value by each key, of its rule: lifeOf

/** Those of the controller that differ from its defaults. */
export const deviceSettings = ({ settings }: ControllerModel, life: LifeSettings): Settings =>
  Object.fromEntries(Object.entries(life).filter(([key]) => key in settings))

/** What is not plain of the settings that were given. Throws TargetOptionsError SETTING for a key or a value that the controller does not have. */
export function lifeOf(controller: ControllerModel, given: LifeSettings): LifeSettings {
  const rules = settingRules(controller)
  for (const [key, value] of Object.entries(given)) {
    const wrong = whatIsWrong(controller, rules, key, value)
    if (wrong !== null) throw new TargetOptionsError('SETTING', wrong, { key, value })
  }
  return Object.fromEntries(Object.entries(given).filter(([key, value]) => rules[key]!.default !== value))
}

/** Whether the controller has them. */
export function hasSettings(controller: ControllerModel, given: LifeSettings): boolean {
  const rules = settingRules(controller)
  return Object.entries(given).every(([key, value]) => whatIsWrong(controller, rules, key, value) === null)
}

function whatIsWrong(
  { kind }: ControllerModel,
  rules: Readonly<Record<string, SettingRule>>,
  key: string,
  value: number | string,
): string | null {
  const rule = rules[key]
  if (rule === undefined)
    return `setting ${key} is unknown, expected one of ${kind}: ${Object.keys(rules).join(', ')}`
  return isAllowed(rule, value)
    ? null
    : `setting ${key} is ${settingText(key, value)} for ${kind}, expected ${expectedOf(rule)}`
}

/**
 * The lives of a plan: the first has nothing but `fixed`; in the others any two values of any two other settings meet, or of the first
 * trials of a setting that has many. Each event has a life of its own at the end.
 */
export function planLives(controller: ControllerModel, fixed: LifeSettings, seed: number): LifeSettings[] {
  const { event, ...rules } = settingRules(controller)
  const rows = Object.entries(rules)
    .filter(([key, { trials }]) => trials.length > 0 && !(key in fixed))
    .map(([key, { trials }]) => ({ key, trials: rotated<number | string>(trials, seed) }))
  const lines = pairwiseLines(
    rows.map(({ trials }) => trials.length + 1),
    seed,
  )
  const combined = lines.map((line) => {
    const chosen = rows.flatMap(({ key, trials }, row) =>
      line[row] === 0 ? [] : [[key, trials[line[row]! - 1]!]],
    )
    return { ...fixed, ...Object.fromEntries(chosen) }
  })
  return 'event' in fixed
    ? combined
    : [...combined, ...event.trials.map((name) => ({ ...fixed, event: name }))]
}

function rotated<T>(values: readonly T[], seed: number): T[] {
  const from = (seed - 1) % values.length
  return [...values.slice(from), ...values.slice(0, from)]
}

/** A life in words: `plain`, or `queueSize 8, sector 4Kn`. */
export function lifeText(life: LifeSettings): string {
  const words = Object.entries(life).map(([key, value]) => `${key} ${settingText(key, value)}`)
  return words.join(', ') || 'plain'
}

/** The options of the command line that ask for this life. */
export function lifeOptions({ settings }: ControllerModel, life: LifeSettings): string[] {
  return Object.entries(life).map(([key, value]) =>
    key in settings ? `--device ${key}=${value}` : `${optionName(key)} ${settingText(key, value)}`,
  )
}

/** `--disk-size` of diskSize. */
export const optionName = (key: string): string =>
  `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const SIZE_UNITS = ['B', 'K', 'M', 'G', 'T']

/** A value as it is typed: sizes with their unit. */
export function settingText(key: string, value: number | string): string {
  if (key !== ('diskSize' satisfies keyof SystemSettings) || typeof value !== 'number') return String(value)
  let rest = value
  let unit = 0
  while (unit < SIZE_UNITS.length - 1 && rest >= 1024 && rest % 1024 === 0) {
    rest /= 1024
    unit++
  }
  return `${rest}${SIZE_UNITS[unit]}`
}

// What a machine can be given as a controller: one record for each folder beside this file. All that other rooms need to know of a
// controller is in its record, so that adding one is its folder and one line in index.ts.
import type { BlockDevice } from '../disk/block-device.ts'
import { MachineError } from '../errors.ts'
import type { PciFunction } from '../pci.ts'
import type { ControllerParts } from './controller-parts.ts'

/** Where on its controller a disk is; 0 where nothing is said. ControllerModel.places says what a controller has. */
export interface DiskPlace {
  readonly port?: number
  readonly channel?: number
  readonly target?: number
  readonly lun?: number
  readonly namespace?: number
}
/** A disk as its controller gets it. */
export interface Attachment extends DiskPlace {
  readonly device: BlockDevice
}

/** Settings of one controller, by name. */
export type Settings = Readonly<Record<string, number | string>>

interface Described<T> {
  readonly default: T
  /** One sentence, for tables and help. */
  readonly summary: string
  /** Values that are worth a life of a check beside the default: drivers had defects there. */
  readonly trials: readonly T[]
  /** Values for a table of the memory that drivers ask for, smallest first; absent where it hardly grows with the setting. */
  readonly sizes?: readonly T[]
}
interface WholeNumber extends Described<number> {
  readonly min: number
  readonly max: number
  readonly isPowerOfTwo?: true
}
interface Choice<T extends string> extends Described<T> {
  readonly choices: readonly T[]
}
export type OnOff = 'on' | 'off'
export const ON_OFF = ['on', 'off'] as const satisfies readonly OnOff[]
type Rule<T> = [T] extends [string]
  ? Choice<T>
  : [T] extends [number]
    ? WholeNumber
    : WholeNumber | Choice<string>
/** Of any setting. */
export type SettingRule = WholeNumber | Choice<string>
export type SettingRules<S extends Settings> = { readonly [K in keyof S]: Rule<S[K]> }

export interface ControllerModel<S extends Settings = Settings> {
  /** As options, profiles and reports name it: `ahci`. */
  readonly kind: string
  /** What PnP matches a driver by. */
  readonly pci: { readonly classCode: number }
  readonly settings: SettingRules<S>
  /** How many ports, channels, targets, units and namespaces it has for its disks; one where a member is absent. */
  readonly places: Readonly<Partial<Record<keyof DiskPlace, number>>>
  /** Whether its disks are behind a link that can go down. */
  readonly hasLink: boolean
  create(settings: S, attachments: readonly Attachment[], parts: ControllerParts): PciFunction
  /** The register at or around `offset` of a window (PciWindowShape.bar), as the specification spells it; null where it has none. */
  registerName(window: number, offset: number): string | null
  /** The same for registers that hold the address of a queue in guest RAM, whatever instance they are of; null for all others. */
  addressRegister(window: number, offset: number): string | null
}

/** The settings that a controller gets: those given, and the defaults of the rest. Throws MachineError MACHINE_OPTIONS. */
export function settingsOf(model: ControllerModel, name: string, given: Partial<Settings> = {}): Settings {
  const unknown = Object.keys(given).find((key) => !(key in model.settings))
  if (unknown !== undefined) {
    const known = Object.keys(model.settings).join(', ') || 'none'
    throw wrong(`controller ${name} has the setting '${unknown}', expected one of ${model.kind}: ${known}`)
  }
  return Object.fromEntries(
    Object.entries(model.settings).map(([key, rule]) => {
      const value = given[key] ?? rule.default
      if (!isAllowed(rule, value))
        throw wrong(`${key} of controller ${name} is ${value}, expected ${expectedOf(rule)}`)
      return [key, value]
    }),
  )
}

/** Whether a setting can have that value. */
export function isAllowed(rule: SettingRule, value: number | string): boolean {
  if ('choices' in rule) return rule.choices.some((choice) => choice === value)
  return typeof value === 'number' && isInRange(value, rule)
}

const isInRange = (value: number, { min, max, isPowerOfTwo }: WholeNumber): boolean =>
  Number.isInteger(value) &&
  value >= min &&
  value <= max &&
  (isPowerOfTwo !== true || Number.isInteger(Math.log2(value)))

/** The values of a setting, in words. */
export function expectedOf(rule: SettingRule): string {
  if ('choices' in rule) return rule.choices.join(' or ')
  return `${rule.isPowerOfTwo === true ? 'a power of two, ' : ''}${rule.min} to ${rule.max}`
}

const PLACES = [
  'port',
  'channel',
  'target',
  'lun',
  'namespace',
] as const satisfies readonly (keyof DiskPlace)[]

/** Throws MachineError MACHINE_OPTIONS unless each disk is at a place of its own that the controller has. */
export function checkPlaces(model: ControllerModel, name: string, disks: readonly DiskPlace[]): void {
  if (disks.length === 0) throw wrong(`controller ${name} has no disk, expected at least one`)
  const taken = new Set<string>()
  for (const disk of disks) {
    for (const what of PLACES) {
      const count = model.places[what] ?? 1
      const value = disk[what] ?? 0
      if (!Number.isInteger(value) || value < 0 || value >= count)
        throw wrong(`a disk of controller ${name} is at ${what} ${value}, expected below ${count}`)
    }
    const place = PLACES.map((what) => `${what} ${disk[what] ?? 0}`).join(', ')
    if (taken.has(place)) throw wrong(`two disks of controller ${name} are at ${place}`)
    taken.add(place)
  }
}

const wrong = (text: string): MachineError => new MachineError('MACHINE_OPTIONS', text)

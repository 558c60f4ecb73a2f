// Options that set what a life of a check differs in, one for each row of the table in the room of the system.

import { expectedOf, isAllowed } from '@dumpstack/machine'
import {
  type LifeSettings,
  optionName,
  SYSTEM_RULES,
  type SystemSettings,
  settingText,
} from '@dumpstack/windows'
import { type Command, InvalidArgumentError } from 'commander'
import { option } from './options.ts'
import { parseSize } from './sizes.ts'

export type SystemKey = keyof SystemSettings

/** As commander hands them over. */
export type GivenSettings = { readonly [K in SystemKey]?: SystemSettings[K] } & {
  readonly device?: LifeSettings
}

export const SYSTEM_KEYS = Object.keys(SYSTEM_RULES) as readonly SystemKey[] // of a literal

export function addSettingOptions(command: Command, keys: readonly SystemKey[]): Command {
  command.addOption(
    option(
      '--device <key=value>',
      'a setting of the controller, as docs/settings.md has them; may be given again',
    ).argParser(parseDeviceSetting),
  )
  for (const key of keys) {
    const rule = SYSTEM_RULES[key]
    const value = 'choices' in rule ? 'name' : key === 'diskSize' ? 'size' : 'n'
    const choices = 'choices' in rule ? `: ${rule.choices.join(', ')}` : ''
    command.addOption(
      option(
        `${optionName(key)} <${value}>`,
        `${rule.summary.replace(/\.$/, '')}${choices} (default: ${settingText(key, rule.default)})`,
      ).argParser((text) => parseSetting(key, text)),
    )
  }
  return command
}

/** What was given of them, and nothing else. */
export function givenSettings(given: GivenSettings): LifeSettings {
  const system = SYSTEM_KEYS.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]] as const]))
  return { ...Object.fromEntries(system), ...given.device }
}

/** Whether the controller can have it is known once the controller is. */
function parseDeviceSetting(text: string, before: LifeSettings = {}): LifeSettings {
  const [, key, value] = /^([a-z][A-Za-z0-9]*)=(\S+)$/.exec(text) ?? []
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError('Expected a key and its value, as in --device queueSize=64.')
  if (Object.hasOwn(SYSTEM_RULES, key))
    throw new InvalidArgumentError(`Expected ${optionName(key)}: it is no setting of a controller.`)
  return { ...before, [key]: numberOrText(value) }
}

function parseSetting(key: SystemKey, text: string): number | string {
  const rule = SYSTEM_RULES[key]
  const value = key === 'diskSize' ? parseSize(text) : numberOrText(text)
  // which ports there are is known once the controller is
  if (key === 'port' ? typeof value === 'number' : isAllowed(rule, value)) return value
  throw new InvalidArgumentError(`Expected ${expectedOf(rule)}.`)
}

const numberOrText = (text: string): number | string => (/^\d{1,15}$/.test(text) ? Number(text) : text)

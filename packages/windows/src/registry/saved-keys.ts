// The registry's keys as a flat list: what a power off leaves of it, and how it is written to a state file.
import type { Facts } from '@dumpstack/target'
import type { RegistryValue, SavedKey } from './registry.ts'

const TYPES = ['REG_DWORD', 'REG_SZ', 'REG_EXPAND_SZ', 'REG_MULTI_SZ'] as const

export const savedKeysOf = (facts: Facts): SavedKey[] =>
  facts.objects('registry').map((key) => ({
    path: key.string('path'),
    values: key
      .objects('values')
      .map((value) => ({ name: value.string('name'), value: registryValueOf(value.object('value')) })),
  }))

function registryValueOf(facts: Facts): RegistryValue {
  const type = facts.oneOf('type', TYPES)
  switch (type) {
    case 'REG_DWORD':
      return { type, data: facts.number('data') }
    case 'REG_MULTI_SZ':
      return { type, data: facts.strings('data') }
    case 'REG_SZ':
    case 'REG_EXPAND_SZ':
      return { type, data: facts.string('data') }
  }
}
